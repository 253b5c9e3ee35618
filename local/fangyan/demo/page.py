"""The page: on the left what is asked and where it is looked for, then the hits, then one of them frame by frame."""

import gradio as gr

from fangyan.demo import TITLE, view
from fangyan.demo.answers import Answers
from fangyan.demo.library import LONGEST, Library

INTRODUCTION = f"""# {TITLE}
Record a sentence, upload one (at most {LONGEST} s), or take an example. The encoder looks for the same sentence among
recordings of the other varieties."""

ENCODER = {"api_visibility": "private", "concurrency_id": "encoder", "show_progress": "minimal"}
"""Of what asks the encoder: one at a time, and by this page alone."""


def page(library: Library) -> gr.Blocks:
    """The page, to be launched."""
    answers = Answers(library)
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column(scale=4, min_width=300):
                recording, targets, examples = _question(answers)
            with gr.Column(scale=5, min_width=360):
                hits = gr.HTML(
                    view.welcome(library), js_on_load=(view.TEMPLATES / "hits.js").read_text(encoding="utf-8")
                )
            with gr.Column(scale=6, min_width=360):
                picture = gr.HTML()
        gr.HTML(view.meaning(library))
        asked, shown = gr.State(""), gr.State("")

        show = (view.TEMPLATES / "show.js").read_text(encoding="utf-8")
        own = [recording.upload, recording.stop_recording, recording.clear]
        for event, look in (
            (gr.on(own, lambda: "", None, asked, api_visibility="private"), True),
            (
                examples.click(
                    answers.example, examples, [recording, asked, targets], api_visibility="private"
                ),
                True,
            ),
            (targets.input(None), False),  # who chooses one variety may choose the next
        ):
            found = event.then(answers.find, [recording, asked, targets], [hits, shown], **ENCODER)
            if look:
                found.then(None, js=f"() => ({show})('.hits, .message', true)")
            found.then(answers.draw, [recording, shown], picture, **ENCODER)
        hits.click(_clicked, None, shown, api_visibility="private").then(
            answers.draw, [recording, shown], picture, **ENCODER
        ).then(None, js=f"() => ({show})('.frames', false)")
    return blocks


def _question(answers: Answers) -> tuple[gr.Audio, gr.CheckboxGroup, gr.Dataset]:
    """The recording, the varieties to look in, and the examples."""
    codes = list(answers.library.varieties)
    recording = gr.Audio(
        label="Sentence", sources=["microphone", "upload"], type="filepath", editable=False, buttons=[]
    )
    targets = gr.CheckboxGroup(
        [(view.name(code), code) for code in codes], value=codes, label="Look for it in"
    )
    with gr.Accordion("Examples", elem_id="examples"):
        examples = gr.Dataset(
            show_label=False,
            container=False,
            components=["textbox", "textbox"],
            headers=["variety", "sentence"],
            samples=[[view.name(u.variety), view.transcript(u)] for u in answers.examples],
            type="index",
            samples_per_page=len(answers.examples),
        )
    return recording, targets, examples


def _clicked(event: gr.EventData) -> str:
    """The id of the hit that was clicked."""
    return event.hit
