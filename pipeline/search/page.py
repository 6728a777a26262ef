"""Results of a search: its page, the table of its trials, and the best one as a configuration."""

import csv
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import optuna
import yaml
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from pipeline.config.search_space import Dimension, changed
from pipeline.workflow.jobs import SearchJob
from stores.files import write_bytes
from training.report.drawing import BLUE, GREY, ORANGE, plot, svg, whole_numbers
from training.report.page import KeyFigure, Panel, write_page

ENOUGH, BEST_SHARE = 10, 0.25  # trials that came to their end, and how many of them are compared with the rest
TICKS = 9
LOSS = "lowest validation loss in nats"
ENDED = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def loss_of(trial: FrozenTrial) -> float:
    """The lowest validation loss of a trial's epochs; not a number for one that has none."""
    losses = [loss for loss in trial.intermediate_values.values() if math.isfinite(loss)]
    return min(losses, default=math.nan)


def write_best(job: SearchJob, best: FrozenTrial) -> None:
    """`best.yaml`: a configuration of one experiment with the settings of a trial, which trains for all its epochs."""
    values = {name: dimension.suggest(best, name) for name, dimension in job.search.space.items()}
    model, training = changed(job.setup.model, job.setup.training, values)
    (name,) = job.best["experiments"]
    settings = {"model": model.model_dump(mode="json"), "training": training.model_dump(mode="json")}
    config = job.best | {"experiments": {name: job.best["experiments"][name] | settings}}
    path = job.folder / "best.yaml"
    head = f"# Trial {best.number} of the search for {job.name}.\n# snakemake train_{name} --configfile {path}\n"
    write_bytes(path, (head + yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100)).encode())


def write_table(job: SearchJob, trials: Sequence[FrozenTrial]) -> None:
    """`trials.csv`: all trials in the order in which they began."""
    rows = [
        {
            "number": trial.number,
            "state": ENDED[trial.state],
            "validation_loss": None if math.isnan(loss := loss_of(trial)) else loss,
            "validation_accuracy": trial.user_attrs.get("accuracy"),
            "epochs": len(trial.intermediate_values),
            "seconds": trial.user_attrs.get("seconds"),
            "parameters": trial.user_attrs.get("parameters"),
            **{name: trial.params.get(name) for name in job.search.space},
            "reason": trial.user_attrs.get("reason"),
        }
        for trial in trials
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(job.folder / "trials.csv", text.getvalue().encode())


def write_search_page(job: SearchJob, study: Study, clips: Mapping[str, int], store: str) -> None:
    """`search.html`: the best trial, how it was found, all trials, and what each setting did."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    best = study.best_trial
    counts = {word: sum(trial.state is state for trial in trials) for state, word in ENDED.items()}
    minutes = sum(trial.user_attrs.get("seconds", 0.0) for trial in trials) / 60
    subtitle = (
        f"{len(trials)} trials of up to {job.search.epochs} epochs, {minutes:.1f} minutes of training in all; "
        f"{clips['training']} clips train, {clips['validation']} validate, and no test clip is read; store {store}"
    )
    figures = [
        KeyFigure("lowest validation loss", f"{loss_of(best):.3f}"),
        KeyFigure("validation accuracy there", f"{best.user_attrs['accuracy']:.3f}"),
        KeyFigure("trial", str(best.number)),
        *(KeyFigure(word, str(count)) for word, count in counts.items() if count),
    ]
    sections = [_best_section(job, best), _history_section(trials, best), _trials_section(job, trials)]
    sections.insert(2, _slices_section(job, trials, best))
    if counts["complete"] >= ENOUGH and len(job.search.space) > 1:
        sections.insert(3, _importance_section(study, counts["complete"]))
    write_page(job.folder / "search.html", f"Search for {job.name}", subtitle, figures, sections)


def _best_section(job: SearchJob, best: FrozenTrial) -> Panel:
    (name,) = job.best["experiments"]
    command = f"snakemake train_{name} --configfile {job.folder / 'best.yaml'}"
    told = "It trains as an experiment of {} epochs, and is tested, by <code>{}</code>"
    note = Markup(told).format(job.setup.training.epochs, command)
    rows = [[setting, _shown(value)] for setting, value in best.params.items()]
    return Panel("Best settings", note, columns=("setting", "value"), rows=rows)


def _history_section(trials: Sequence[FrozenTrial], best: FrozenTrial) -> Panel:
    note = "Each trial by its lowest validation loss, which is that of the epoch that training keeps."
    return Panel("Trials", note, history(trials, best))


def _slices_section(job: SearchJob, trials: Sequence[FrozenTrial], best: FrozenTrial) -> Panel:
    note = "Validation loss against each setting. Dots are trials that came to their end, circles pruned ones."
    return Panel("Settings", note, slices(job.search.space, trials, best))


def _importance_section(study: Study, count: int) -> Panel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is experimental, and that there are few trials
        evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST_SHARE)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    note = f"Share of each setting in what tells the best quarter of {count} complete trials from the rest (PED-ANOVA)."
    return Panel(
        "What matters",
        note,
        columns=("setting", "share"),
        rows=[[name, f"{share:.2f}"] for name, share in shares.items()],
    )


def _trials_section(job: SearchJob, trials: Sequence[FrozenTrial]) -> Panel:
    ordered = sorted(trials, key=lambda trial: (math.isnan(loss_of(trial)), loss_of(trial), trial.number))
    names = list(job.search.space)
    columns = ("trial", "", "loss", "accuracy", "epochs", *(name.split(".", 1)[1] for name in names), "parameters", "s")
    return Panel("All trials", columns=columns, rows=[_row(trial, names) for trial in ordered])


def _row(trial: FrozenTrial, names: Sequence[str]) -> list[str]:
    loss, attributes = loss_of(trial), trial.user_attrs
    ended = ENDED[trial.state] + (f": {attributes['reason']}" if "reason" in attributes else "")
    return [
        str(trial.number),
        ended,
        "" if math.isnan(loss) else f"{loss:.3f}",
        f"{attributes['accuracy']:.3f}" if "accuracy" in attributes else "",
        str(len(trial.intermediate_values)),
        *(_shown(trial.params.get(name, "")) for name in names),
        f"{attributes['parameters']:,}" if "parameters" in attributes else "",
        f"{attributes['seconds']:.0f}" if "seconds" in attributes else "",
    ]


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def history(trials: Sequence[FrozenTrial], best: FrozenTrial) -> list[Markup]:
    """Lowest loss by trial with the best so far, and the loss of each trial by epoch."""
    by_trial_figure, by_trial = plot("trial", LOSS)
    shown = [trial for trial in trials if not math.isnan(loss_of(trial))]
    _dots(by_trial, shown, [trial.number for trial in shown], best)
    whole = [trial for trial in shown if trial.state is TrialState.COMPLETE]
    lowest = [min(loss_of(earlier) for earlier in whole[: place + 1]) for place in range(len(whole))]
    numbers = [trial.number for trial in whole] + [trials[-1].number]
    by_trial.step(numbers, [*lowest, lowest[-1]], where="post", color=ORANGE, alpha=0.6, label="best so far", zorder=1)
    by_trial.legend(frameon=False)
    by_epoch_figure, by_epoch = plot("epoch", "validation loss in nats")
    for trial in shown:
        epochs = [epoch + 1 for epoch in trial.intermediate_values]
        colour, front = (BLUE, 2) if trial.state is TrialState.COMPLETE else (GREY, 1)
        if trial.number == best.number:
            colour, front = ORANGE, 3
        losses = list(trial.intermediate_values.values())
        by_epoch.plot(epochs, losses, color=colour, alpha=1 if front == 3 else 0.5, zorder=front)
    for axes in (by_trial, by_epoch):
        whole_numbers(axes)
        _plain_log(axes, "y", (1, 2, 5))
    return [svg(by_trial_figure), svg(by_epoch_figure)]


def slices(space: Mapping[str, Dimension], trials: Sequence[FrozenTrial], best: FrozenTrial) -> list[Markup]:
    """Lowest loss against each setting."""
    drawn = []
    for name, dimension in space.items():
        figure, axes = plot(name, LOSS)
        shown = [trial for trial in trials if name in trial.params and not math.isnan(loss_of(trial))]
        places = _on_axis(axes, dimension, [trial.params[name] for trial in shown])
        _dots(axes, shown, places, best)
        _plain_log(axes, "y", (1, 2, 5))
        drawn.append(svg(figure))
    return drawn


def _on_axis(axes: Axes, dimension: Dimension, values: Sequence[Any]) -> list[float]:
    """Return the places of a setting's values on an axis."""
    if dimension.choices is not None:
        labels = [str(dimension.label_of(choice)) for choice in dimension.choices]
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        return [labels.index(str(value)) for value in values]
    if dimension.log:
        _plain_log(axes, "x", (1, 3))
    elif dimension.whole and len(dimension.samples()) <= TICKS:
        axes.set_xticks(dimension.samples())
    return list(values)


def _dots(axes: Axes, trials: Sequence[FrozenTrial], places: Sequence[float], best: FrozenTrial) -> None:
    for state, label, face, colour in (
        (TrialState.COMPLETE, "complete", BLUE, BLUE),
        (TrialState.PRUNED, "pruned", "none", GREY),
    ):
        chosen = [(place, loss_of(trial)) for place, trial in zip(places, trials, strict=True) if trial.state is state]
        if chosen:
            axes.scatter(*zip(*chosen, strict=True), facecolors=face, edgecolors=colour, label=label, zorder=2)
    (place,) = [place for place, trial in zip(places, trials, strict=True) if trial.number == best.number]
    axes.scatter([place], [loss_of(best)], color=ORANGE, zorder=3)


def _plain_log(axes: Axes, which: Literal["x", "y"], steps: Sequence[float]) -> None:
    """A logarithmic axis whose numbers are written out."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log"})
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
