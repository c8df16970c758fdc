# camrec on the CPU: one image for all processes; the command says which (see docker-compose.yml).
FROM python:3.12-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock requirements.txt pyproject.toml README.md LICENSE celeryconfig.py ./
COPY app app
COPY capture capture
COPY core core
COPY events events
COPY inference inference
COPY reid reid
COPY storage storage
COPY tasks tasks
# --no-deps: the lock names everything, and leaves out what rapidocr would bring (docs/decisions.md).
RUN python -m venv /opt/camrec \
    && /opt/camrec/bin/pip install --no-cache-dir --no-deps -r requirements.lock \
    && /opt/camrec/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim-bookworm
# One user in all containers: whoever reads a frame must be who wrote it.
RUN useradd --uid 10001 --create-home camrec && install -d -o camrec -m 0700 /data /frames
COPY --from=build /opt/camrec /opt/camrec
ENV PATH=/opt/camrec/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CAMREC_DATA=/data \
    CAMREC_FRAME_DIR=/frames \
    CAMREC_HOST=0.0.0.0 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
# NVIDIA's driver brings what decodes video (CAMREC_HWDEVICE), and with `compute` libcuda, by which FFmpeg opens the
# device; where there is none, that setting means nothing.
USER 10001
WORKDIR /home/camrec
EXPOSE 15439
CMD ["camrec", "up"]
