"""Trackers of experiments as callbacks, ten lines each: MLflow, Weights & Biases, trackio, and lines of JSON."""

import json

import graphspec


@graphspec.callback
class MLflow:
    """Runs in MLflow's store (MLFLOW_TRACKING_URI)."""

    def start(self, run):
        import mlflow

        self.mlflow = mlflow
        mlflow.start_run(run_name=run.name)
        mlflow.log_params({key: str(value)[:500] for key, value in run.spec["train"].items()})

    def epoch(self, figures):
        self.mlflow.log_metrics(figures, step=figures["epoch"])

    def end(self, figures):
        self.mlflow.log_metrics(figures)
        self.mlflow.end_run()


@graphspec.callback
class Wandb:
    """Runs of Weights & Biases, offline unless WANDB_MODE says otherwise."""

    def __init__(self, project: str = "graphspec") -> None:
        self.project = project

    def start(self, run):
        import wandb

        self.run = wandb.init(project=self.project, name=run.name, config=dict(run.spec))

    def epoch(self, figures):
        self.run.log(figures, step=figures["epoch"])

    def end(self, figures):
        self.run.summary.update(figures)
        self.run.finish()


@graphspec.callback
class Trackio:
    """Runs of trackio, on this machine."""

    def start(self, run):
        import trackio

        self.run = trackio.init(project="graphspec", name=run.name, config=dict(run.spec))

    def epoch(self, figures):
        step = figures.pop("step")  # a name of trackio's own
        self.run.log(figures, step=step)

    def end(self, figures):
        self.run.log(figures)
        self.run.finish()


@graphspec.callback
class Lines:
    """A line of JSON an epoch, in the run's folder."""

    def __init__(self, file: str = "figures.jsonl") -> None:
        self.file = file

    def start(self, run):
        self.path = run.folder / self.file

    def epoch(self, figures):
        with open(self.path, "a") as file:
            file.write(json.dumps(figures) + "\n")

    end = epoch
