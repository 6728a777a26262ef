"""Description of the routes in OpenAPI, with examples that the tests send."""

from typing import Any

SUMMARY = "Class probabilities for sounds, by trained models."

OPEN_PATHS = ("/health", "/ready")  # without a key

_STATUSES = {
    400: "The body is neither the JSON nor the form that its type says, or states its length in two ways.",
    401: "No key, or a wrong one; only of a service with keys.",
    404: "No such model, or no such path.",
    405: "Another method is expected.",
    408: "Header or body arrive too slowly.",
    413: "The body is too large, the recording too long, the files or lines too many, or it takes too much memory.",
    415: "The body has a Content-Encoding.",
    422: "A parameter has no meaning, or the recording cannot be used; the text says why.",
    500: "An error inside the service, which its log shows.",
    503: "Too many requests, no room for the body, or no process of the models: try again after Retry-After seconds, "
    "unless that header is missing.",
    504: "No answer before the deadline.",
}
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}, "example": {"error": "one line"}}}
_PARAMETERS = {400, 401, 404, 408, 413, 415, 422, 500, 503, 504}

_WAVEFORM = {"waveform": [0.0, 0.1, 0.2, 0.1, 0.0, -0.1, -0.2, -0.1] * 8, "fs": 22050}
_BINARY = {"type": "string", "format": "binary"}
_FILES = {"type": "array", "items": _BINARY, "minItems": 1}


def _responses(statuses: set[int], answer: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Return the answer, and the errors."""
    errors: dict[int | str, dict[str, Any]] = {
        status: {"description": _STATUSES[status], "content": _ERROR} for status in sorted(statuses)
    }
    return {200: answer, **errors}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "properties": required | optional, "required": list(required)}


_NUMBER, _STRING, _TRUTH = {"type": "number"}, {"type": "string"}, {"type": "boolean"}
_CURVE = {"type": ["array", "null"], "items": _NUMBER}
_DECISION = {
    "class": _STRING,
    "sure": _TRUTH,
    "confidence": _NUMBER,
    "probabilities": {"type": "object", "additionalProperties": _NUMBER},
}
_LABELS = {"type": "array", "items": _STRING}  # of a model that answers several
_SEGMENT = _object({"start_s": _NUMBER, "end_s": _NUMBER, **_DECISION}, labels=_LABELS)
_EXPLANATION = _object(
    {
        "class": _STRING,
        "start_s": _NUMBER,
        "end_s": _NUMBER,
        "step_s": _NUMBER,
        "attention": _CURVE,
        "occlusion": _CURVE,
    }
)
_OWN = _object(
    {**_DECISION, "model_version": _STRING, "segments": {"type": "array", "items": _SEGMENT}},
    file=_STRING,
    labels=_LABELS,
    explanation=_EXPLANATION,
)
_OUTPUT, _LABEL = _object({"name": _STRING, "data": _NUMBER}), _object({"label": _STRING, "score": _NUMBER})
_PUBLISHED = _object({"version": _STRING, "outputs": {"type": "array", "items": _OUTPUT}})
_HUGGING_FACE = {"type": "array", "items": _LABEL}
_SHAPES = [_OWN, _PUBLISHED, _HUGGING_FACE]
_FAULT = _object({"error": _STRING}, file=_STRING)

PREDICT: dict[str, Any] = {
    "summary": "Answer one recording",
    "description": "A sound as the body itself, as the field `file` of a form, or as JSON: samples with their rate, or "
    "a sound in base64.",
    "responses": _responses(_PARAMETERS, _json("The answer in the shape that is asked for.", {"anyOf": _SHAPES})),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "audio/*": {"schema": _BINARY},
                "multipart/form-data": {"schema": _object({"file": _BINARY})},
                "application/json": {
                    "schema": {
                        "anyOf": [
                            _object({"waveform": {"type": "array", "items": _NUMBER}}, fs={"type": "integer"}),
                            _object({"inputs": _STRING}, parameters=_object({}, top_k={"type": "integer"})),
                        ]
                    },
                    "example": _WAVEFORM,
                },
            },
        }
    },
}
BATCH: dict[str, Any] = {
    "summary": "Answer several recordings",
    "description": "Files of a form, which are answered together, in their order; a bad one has its `error`.",
    "responses": _responses(
        _PARAMETERS, _json("An answer for each file.", {"type": "array", "items": {"anyOf": [*_SHAPES, _FAULT]}})
    ),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": _object({"file": _FILES})}},
        }
    },
}
_MODEL = _object({"name": _STRING, "version": _STRING, "classes": {"type": "array", "items": _STRING}})
MODELS: dict[str, Any] = {
    "summary": "List the models",
    "description": "Name, version, classes, window, rate and test scores of each model.",
    "responses": _responses({401, 503}, _json("The models.", {"type": "array", "items": _MODEL})),
}
HEALTH: dict[str, Any] = {
    "summary": "Tell whether the service answers at all",
    "responses": _responses(set(), _json("It does.", _object({"status": _STRING}))),
}
READY: dict[str, Any] = {
    "summary": "Tell whether the models are loaded",
    "responses": _responses({503}, _json("They are.", _object({"status": _STRING}))),
}
METRICS: dict[str, Any] = {
    "summary": "Return counters for Prometheus",
    "responses": _responses({401}, {"description": "Prometheus' text format.", "content": {"text/plain": {}}}),
}


def completed(schema: dict[str, Any], keys: bool) -> dict[str, Any]:
    """Return the OpenAPI schema with the form of errors, and with the keys if the service asks for them."""
    components = schema.setdefault("components", {})
    components["schemas"] = {"Error": _object({"error": _STRING})}
    if keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"key": []}]
        for path in OPEN_PATHS:
            schema["paths"][path]["get"]["security"] = []
    return schema
