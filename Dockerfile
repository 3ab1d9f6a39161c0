# The web demo on any host: docker build -t unmask . && docker run --rm --read-only --tmpfs /tmp -p 7860:7860 unmask
FROM python:3.12-slim AS build

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
# torch for the CPU first, from its own index: what PyPI has brings CUDA's libraries, ten times as large.
COPY requirements.txt /tmp/requirements.txt
RUN grep '^torch' /tmp/requirements.txt > /tmp/torch.txt \
    && pip install --no-cache-dir --disable-pip-version-check --index-url https://download.pytorch.org/whl/cpu \
        -r /tmp/torch.txt \
    && pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt

FROM python:3.12-slim

RUN useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin unmask
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY LICENSE README.md app.py ./
COPY unmask/ unmask/
COPY checkpoints/ checkpoints/
COPY examples/ examples/
# Photos pass through /tmp and are deleted there; nothing else is written. Gradio asks its makers nothing, and nobody
# fetches what the outlines by click need.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    HF_HOME=/tmp/huggingface \
    MPLCONFIGDIR=/tmp/matplotlib \
    GRADIO_ANALYTICS_ENABLED=False \
    UNMASK_OUTLINE=0 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/config', timeout=4)"]
CMD ["python", "app.py"]
