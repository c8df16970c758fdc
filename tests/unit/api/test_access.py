from __future__ import annotations

import pytest
from flask import Flask
from flask.views import MethodView

from app.api.access import PUBLIC, Access, UndeclaredRouteError, access_table, allows, declare
from app.api.blueprint import Blueprint
from storage.users import ROLES, Role


@pytest.fixture
def app() -> Flask:
    app = Flask("test", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    return app


@pytest.mark.parametrize("needed", [PUBLIC, *ROLES])
@pytest.mark.parametrize("has", ROLES)
def test_a_role_has_the_rights_of_lesser_ones(needed: Role | None, has: Role) -> None:
    rank = {None: -1, "viewer": 0, "operator": 1, "admin": 2}
    assert allows(Access(needed), has) == (rank[has] >= rank[needed])


def test_a_plain_route_without_role_is_named(app: Flask) -> None:
    @app.get("/open-door")
    def open_door() -> str:
        return ""

    with pytest.raises(UndeclaredRouteError, match=r"/open-door \(open_door\)"):
        access_table(app)


def test_one_undeclared_method_of_a_resource_is_named(app: Flask) -> None:
    blp = Blueprint("things", __name__, "/things", "")

    @blp.route("")
    class Things(MethodView):
        @blp.role("viewer")
        def get(self) -> str:
            return ""

        def delete(self) -> str:
            return ""

    app.register_blueprint(blp)
    with pytest.raises(UndeclaredRouteError, match="DELETE /things"):
        access_table(app)


def test_flask_s_own_static_route_would_be_named() -> None:
    with pytest.raises(UndeclaredRouteError, match="static"):
        access_table(Flask("test", static_folder="/tmp"))


def test_declarations_survive_the_other_decorators(app: Flask) -> None:
    blp = Blueprint("things", __name__, "/things", "")

    @blp.route("")
    @blp.role("operator", url_token=True)
    @blp.response(200)
    @blp.alt_response(404, "NOT_FOUND")
    def above() -> str:
        return ""

    @blp.route("/below")
    @blp.response(200)
    @blp.alt_response(404, "NOT_FOUND")
    @blp.role("admin")
    def below() -> str:
        return ""

    @app.get("/home")
    @declare(Access(PUBLIC))
    def home() -> str:
        return ""

    app.register_blueprint(blp)
    table = access_table(app)
    assert table["things.above", "GET"] == table["things.above", "HEAD"] == Access("operator", url_token=True)
    assert table["things.below", "GET"] == Access("admin")
    assert table["home", "GET"] == Access(PUBLIC)
