"""What logging in takes and gives."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.fields import Schema, Text


class LoginSchema(Schema):
    """A user's name and password."""

    username = Text(required=True, validate=validate.Length(1, 64))
    password = Text(required=True, validate=validate.Length(1, 1024))


class TokenSchema(Schema):
    """A token for the header ``Authorization: Bearer …``."""

    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", metadata={"type": "string"})
    expires_in = fields.Integer(required=True, metadata={"description": "seconds"})


class UrlTokenSchema(Schema):
    """A token for ``?access=…`` in the URL of a picture or stream."""

    access = fields.String(required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "seconds in which to start"})
