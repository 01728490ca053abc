"""Where the components of a run live: in this process, or in Ray actors.

| module | what it holds |
|---|---|
| `local` | everything in this process |
| `ray/` | one actor per rank, scorer and engine; what the driver sees of them |
| `vllm/` | vLLM as the engine that samples, and as a scorer |
| `specs` | the configuration as plain values that travel to a component's process |
| `factories` | how each component is made in its actor |
| `placement` | what each actor reserves, and which actors share a machine or a GPU |
"""
