"""The job in Flower: its simulation runtime with two Ray actors."""

from __future__ import annotations

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from job import AGENTS, CLASSES, COHORT, FEATURES, ROUNDS, SAMPLES, Clock, done, own_data
from numpy_loop import train

client_app = ClientApp()
server_app = ServerApp()


@client_app.train()
def fit(message: Message, context: Context) -> Message:
    """One local epoch of an agent."""
    x, y = own_data(int(context.node_config["partition-id"]))
    arrays = ArrayRecord(list(train(*message.content["arrays"].to_numpy_ndarrays(), x, y)))
    content = RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": SAMPLES})})
    return Message(content=content, reply_to=message)


@server_app.main()
def serve(grid: Grid, context: Context) -> None:  # noqa: ARG001 - Flower's shape
    """All rounds, a tick after each."""
    clock = Clock()

    def tick(number: int, arrays: ArrayRecord) -> MetricRecord:  # noqa: ARG001 - Flower's shape
        if number:
            clock.tick()
        return MetricRecord({})

    start = ArrayRecord([np.zeros((CLASSES, FEATURES), np.float32), np.zeros(CLASSES, np.float32)])
    strategy = FedAvg(fraction_train=COHORT / AGENTS, fraction_evaluate=0.0, min_available_nodes=AGENTS)
    result = strategy.start(grid, start, num_rounds=ROUNDS, evaluate_fn=tick)
    done(*result.arrays.to_numpy_ndarrays())


if __name__ == "__main__":
    run_simulation(
        server_app,
        client_app,
        num_supernodes=AGENTS,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}, "init_args": {"num_cpus": 2}},
    )
