"""Sentinels at every place where a secret of the user's may stand, for tests and the benchmark that look for them."""

import json

from tests.helpers.repository import ROOT

SENTINEL = "SENTINELdontleakme"
ENVIRONMENT = {
    "HF_TOKEN": f"hf_{SENTINEL}hub",
    "OPENAI_API_KEY": f"sk-{SENTINEL}openai",
    "WANDB_API_KEY": f"{SENTINEL}wandb",
    "AWS_SECRET_ACCESS_KEY": f"{SENTINEL}aws",
    "MY_PASSWORD": f"{SENTINEL}password",
    "HTTPS_PROXY_UNUSED": f"http://me:{SENTINEL}proxy@127.0.0.1:9",
}
STUDENT = ROOT / "sure_math" / "pocket" / "models" / "student"
REFUSED_OVERRIDES = [
    f"teacher.engine_options={{hf_token: {SENTINEL}}}",
    f"teacher.engine_options={{headers: {{X-Any: {SENTINEL}}}}}",
    f"teacher.engine_options={{inner: {{api_key: {SENTINEL}}}}}",
    f"teacher.server.url=http://me:{SENTINEL}@127.0.0.1/v1",
    f"teacher.server.url=http://{SENTINEL}@127.0.0.1/v1",
    f"teacher.server.url=http://127.0.0.1/v1?key={SENTINEL}",
    f"teacher.server.url=http://127.0.0.1/v1#{SENTINEL}",
    f"teacher.server.url=http://127.0.0.1/hf_{SENTINEL}hub/v1",
    f"teacher.server={{url: 'http://127.0.0.1/v1', api_key: {SENTINEL}}}",
    f"teacher.model=https://me:{SENTINEL}@host/model",
    f"samples.license=hf_{SENTINEL}",
    f"token={SENTINEL}",
    f"run.seed={{password: {SENTINEL}}}",
    f"run={SENTINEL}password",
]
"""Settings of a build that hold a secret."""
REFUSED_MODEL_ARGUMENTS = [
    f"pretrained={STUDENT},token=hf_{SENTINEL}",
    f"pretrained={STUDENT},auth_token={SENTINEL}",
    f"pretrained={STUDENT},api_key={SENTINEL}",
    f"pretrained={STUDENT},Password={SENTINEL}",
    f"model=m,base_url=http://me:{SENTINEL}@127.0.0.1:9/v1/completions",
    f"model=m,base_url=http://127.0.0.1:9/v1/completions?key={SENTINEL}",
    f"model=m,base_url=http://127.0.0.1:9/v1/completions#{SENTINEL}",
    f'model=m,header={{"Authorization":"Bearer {SENTINEL}","X":"y"}}',
    json.dumps({"pretrained": "m", "token": SENTINEL}),
    json.dumps({"model": "m", "header": {"api-key": SENTINEL}}),
    f"pretrained={SENTINEL}aws",
]
"""Values of `--model_args` that hold a secret."""
