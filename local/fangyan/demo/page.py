"""The page: on the left what is asked and where it is looked for, then the hits, then one of them frame by frame."""

import gradio as gr

from fangyan.demo import TITLE, view
from fangyan.demo.answers import Answers
from fangyan.demo.library import LONGEST, Library

INTRODUCTION = f"""# {TITLE}
Record a sentence, upload one (at most {LONGEST} s), {{or_type}}or take an example. The encoder looks for the same
sentence among recordings of the other varieties."""

LONGEST_TEXT = 200
"""Characters of a sentence that is typed."""

PRIVATE = {"api_visibility": "private"}
"""Of what is asked by this page alone."""

ENCODER = PRIVATE | {"concurrency_id": "encoder", "show_progress": "minimal"}
"""Of what asks the encoder: one at a time."""


def page(library: Library) -> gr.Blocks:
    """The page, to be launched."""
    answers = Answers(library)
    with gr.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gr.Markdown(INTRODUCTION.format(or_type="type one in Mandarin, " if library.joint else ""))
        with gr.Row():
            with gr.Column(scale=4, min_width=300):
                recording, typed, targets, examples = _question(answers)
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
        events = [
            (gr.on(own, lambda: ("", ""), None, [typed, asked], **PRIVATE), True),
            (examples.click(answers.example, examples, [recording, typed, asked, targets], **PRIVATE), True),
            (targets.input(None), False),  # who chooses one variety may choose the next
        ]
        if library.joint:
            events += [(typed.submit(lambda: (None, ""), None, [recording, asked], **PRIVATE), True)]
        for event, look in events:
            found = event.then(answers.find, [recording, typed, asked, targets], [hits, shown], **ENCODER)
            if look:
                found.then(None, js=f"() => ({show})('.hits, .message', true)")
            found.then(answers.draw, [recording, shown], picture, **ENCODER)
        hits.click(_clicked, None, shown, **PRIVATE).then(
            answers.draw, [recording, shown], picture, **ENCODER
        ).then(None, js=f"() => ({show})('.frames', false)")
    return blocks


def _question(answers: Answers) -> tuple[gr.Audio, gr.Textbox | gr.State, gr.CheckboxGroup, gr.Dataset]:
    """The recording, what is typed (where that is understood), the varieties to look in, and the examples."""
    codes = list(answers.library.varieties)
    recording = gr.Audio(
        label="Sentence", sources=["microphone", "upload"], type="filepath", editable=False, buttons=[]
    )
    typed = gr.State("")
    if answers.library.joint:
        typed = gr.Textbox(label="Or type it in Mandarin", max_length=LONGEST_TEXT, submit_btn=True)
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
    return recording, typed, targets, examples


def _clicked(event: gr.EventData) -> str:
    """The id of the hit that was clicked."""
    return event.hit
