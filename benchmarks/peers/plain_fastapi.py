"""A route of FastAPI that calls the model, as its users write it: a plain function, which runs in its thread pool.

https://fastapi.tiangolo.com/tutorial/request-files/: `UploadFile`, spooled to disk when it is large.
https://fastapi.tiangolo.com/async/: `def`, not `async def`, for what blocks.
https://fastapi.tiangolo.com/deployment/server-workers/: one process here, since each would load the model.
"""

import socket
import sys

import soundfile
import uvicorn
from fastapi import FastAPI, UploadFile

import otogura

app = FastAPI()
model = None


@app.get("/ready")
def ready():
    return {}


@app.post("/predict")
def predict(file: UploadFile):
    samples, rate_hz = soundfile.read(file.file, dtype="float32")
    return model.predict(samples, rate_hz).described()


if __name__ == "__main__":
    model = otogura.load_model(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
