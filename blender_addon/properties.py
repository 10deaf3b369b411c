# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's properties, kept in the scene, and what they come to: a request and a placement."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import controls, locks, looks, loras, presets, shelf, starting
from .core.texloom.request import DEFAULT_MAPS, MAPS, MAX_PROMPT_LENGTH, GenerationRequest, random_seed
from .reading import Reading
from .target import Placement, capture

SIZES = (
    ("512", "512", "512 × 512 pixels"),
    ("1024", "1K", "1024 × 1024 pixels"),
    ("2048", "2K", "2048 × 2048 pixels"),
    ("4096", "4K", "4096 × 4096 pixels"),
    ("8192", "8K", "8192 × 8192 pixels; needs memory and time"),
    ("CUSTOM", "Custom", "Width and height of your own"),
)
OUTPUTS = (
    ("MATERIAL", "Material on selection", "A material of all maps on the selected objects", "MATERIAL", 0),
    ("IMAGE", "Image only", "Images, without touching any object", "IMAGE_DATA", 1),
    ("PLANE", "Reference plane", "An upright plane with the picture, without light and shade", "IMAGE_REFERENCE", 2),
)
# The numbers stand in .blend files.
MODELS = (
    ("instant", "Instant", "Built in: seamless materials and patterns in about a second, offline", "NONE", 0),
    ("learned", "Learned", "Built in: painted by a small network, offline; learns your own materials", "NONE", 3),
    ("CATALOG", "From the list", "A large model that Texloom knows, downloaded once; see Models", "NONE", 2),
    ("FOLDER", "Your own", "A diffusers folder, a .safetensors file, or a model of the hub by its name", "NONE", 1),
)
PROMPT_TEXT = (
    "What to make, in English or Chinese: material, colors, condition (“mossy cobblestone, wet”). "
    "{red|blue} takes one of them by the seed; with large models (moss:1.3) weighs a word more, (moss:0.7) less"
)
TILINGS = (
    ("XY", "Both", "Repeats in both directions"),
    ("X", "Horizontal", "Repeats from left to right"),
    ("Y", "Vertical", "Repeats from bottom to top"),
    ("NONE", "None", "Does not repeat"),
)
FACINGS = (
    ("VIEW", "View", "Towards the viewer"),
    ("-Y", "Front", "Towards the front view (-Y)"),
    ("Y", "Back", "Towards the back view (Y)"),
    ("X", "Right", "Towards the right view (X)"),
    ("-X", "Left", "Towards the left view (-X)"),
    ("Z", "Up", "Flat, seen from above"),
)
RELIEFS = (
    ("PREFERENCES", "As in the preferences", "Show the relief as the add-on's preferences say"),
    ("BUMP", "Bump", "Show the relief by shading only"),
    ("DISPLACEMENT", "Displacement", "Move the surface; needs subdivision, and Cycles or a recent EEVEE"),
    ("BOTH", "Displacement and bump", "Move the surface and shade what is finer than its mesh"),
)
LARGEST_SEED: Final = 2**31 - 1
"""Blender's integers have 31 bits; scripts may use seeds above."""

_BYTES_A_LETTER = 4  # of UTF-8, in which Blender counts
_MAP_TEXTS = {
    "base_color": "The colors, without light and shade",
    "normal": "Where the surface leans: relief by shading alone",
    "height": "How high each place lies, for bump and displacement",
    "roughness": "Where reflections are sharp and where they are dull",
    "metallic": "What is bare metal",
    "ambient_occlusion": "How much of the light from all around gets into gaps, for game engines",
}
_MAP_ITEMS = tuple(
    (name, name.replace("_", " ").capitalize(), _MAP_TEXTS[name], 1 << place) for place, name in enumerate(MAPS)
)


def _prompt_changed(self: Any, context: bpy.types.Context) -> None:
    # Not at the top: bridge itself needs this module's requests.
    from . import bridge

    bridge.typed(self.effective_prompt, self.model_id)


def _confirm_prompt(self: Any, value: str) -> None:
    global _confirmed
    _confirmed = time.monotonic()
    self.prompt = value


_confirmed = 0.0


def _tile_metres(self: Any) -> float:
    return float(self.real_world_width * _metres_per_unit(self.id_data))


def _set_tile_metres(self: Any, value: float) -> None:
    self.real_world_width = value / _metres_per_unit(self.id_data)


class TexloomSettings(bpy.types.PropertyGroup):
    """What the panel asks for."""

    prompt: StringProperty(
        name="Prompt",
        description=PROMPT_TEXT,
        maxlen=MAX_PROMPT_LENGTH * _BYTES_A_LETTER,
        options={"TEXTEDIT_UPDATE"},
        update=_prompt_changed,
    )  # type: ignore[valid-type]
    # The prompt for a field that tells when an edit is confirmed: Blender does not once it has told every letter.
    prompt_line: StringProperty(
        name="Prompt",
        description=PROMPT_TEXT,
        maxlen=MAX_PROMPT_LENGTH * _BYTES_A_LETTER,
        get=lambda self: self.prompt,
        set=_confirm_prompt,
        options={"SKIP_SAVE"},
    )  # type: ignore[valid-type]
    prompt_text: PointerProperty(
        name="Text",
        description="A text of this file that is the prompt instead of the field; lines that begin with # are left out",
        type=bpy.types.Text,
        update=_prompt_changed,
    )  # type: ignore[valid-type]
    negative_prompt: StringProperty(
        name="Negative prompt",
        description="What to avoid: conditions, colors or materials (“moss, cracks, red”)",
        maxlen=MAX_PROMPT_LENGTH * _BYTES_A_LETTER,
    )  # type: ignore[valid-type]
    style: StringProperty(
        name="Style",
        description="Words around the prompt; {prompt} is where it goes, without it the words follow the prompt",
        maxlen=1000,
        update=_prompt_changed,
    )  # type: ignore[valid-type]
    style_negative: StringProperty(
        name="Style avoids", description="What the style adds to the negative prompt", maxlen=1000
    )  # type: ignore[valid-type]
    style_name: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    style_changes: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    model: EnumProperty(
        name="Model", description="What makes the pictures", items=MODELS, default="instant", update=_prompt_changed
    )  # type: ignore[valid-type]
    catalog_model: StringProperty(name="Model", description="Name of a model in Texloom's list", update=_prompt_changed)  # type: ignore[valid-type]
    model_folder: StringProperty(
        name="Model",
        description="Folder that holds model_index.json, a .safetensors checkpoint, or owner/name of the hub",
        subtype="FILE_PATH",
        update=_prompt_changed,
    )  # type: ignore[valid-type]
    start: EnumProperty(name="Start from", description="What to begin with", items=starting.STARTS, default="NONE")  # type: ignore[valid-type]
    start_image: PointerProperty(name="Image", description="The image to start from", type=bpy.types.Image)  # type: ignore[valid-type]
    start_file: StringProperty(name="File", description="The picture to start from", subtype="FILE_PATH")  # type: ignore[valid-type]
    strength: FloatProperty(
        name="Strength",
        description="How much of the picture is drawn anew: 0 leaves it as it is, at 1 only the words count",
        min=0.0,
        max=1.0,
        default=starting.STRENGTH,
        subtype="FACTOR",
    )  # type: ignore[valid-type]
    loras: CollectionProperty(
        name="LoRAs", description="Files that change a large model, each with its weight", type=loras.TexloomLora
    )  # type: ignore[valid-type]
    lora_index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    controls: CollectionProperty(
        name="Form", description="Pictures whose form is followed", type=controls.TexloomControl
    )  # type: ignore[valid-type]
    control_index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    look: PointerProperty(name="Style image", description="A picture whose look is taken over", type=looks.TexloomLook)  # type: ignore[valid-type]
    size: EnumProperty(
        name="Size",
        description="Pixels of the result; more show finer detail and take longer",
        items=SIZES,
        default="1024",
    )  # type: ignore[valid-type]
    width: IntProperty(
        name="Width",
        description="Pixels from left to right, in steps of 8",
        min=64,
        max=8192,
        step=8,
        default=1024,
        subtype="PIXEL",
    )  # type: ignore[valid-type]
    height: IntProperty(
        name="Height",
        description="Pixels from bottom to top, in steps of 8",
        min=64,
        max=8192,
        step=8,
        default=1024,
        subtype="PIXEL",
    )  # type: ignore[valid-type]
    seed: IntProperty(name="Seed", description="The same seed makes the same result", min=0, default=1)  # type: ignore[valid-type]
    new_seed: BoolProperty(name="New seed each time", description="Roll the dice before every Generate", default=True)  # type: ignore[valid-type]
    count: IntProperty(name="Variations", description="How many to make, to pick from", min=1, max=16, default=1)  # type: ignore[valid-type]
    tiling: EnumProperty(
        name="Tiling",
        description="Directions in which copies of the result stand beside each other without a seam",
        items=TILINGS,
        default="XY",
    )  # type: ignore[valid-type]
    output: EnumProperty(
        name="Output", description="What becomes of the result in the scene", items=OUTPUTS, default="MATERIAL"
    )  # type: ignore[valid-type]
    maps: EnumProperty(
        name="Maps",
        description="Images of which the material is made; hold Shift to choose several",
        items=_MAP_ITEMS,
        options={"ENUM_FLAG"},
        default=set(DEFAULT_MAPS),
    )  # type: ignore[valid-type]
    own_width: BoolProperty(
        name="Set real width", description="Give the width of one tile instead of what suits the material"
    )  # type: ignore[valid-type]
    real_world_width: FloatProperty(
        name="Width of a tile",
        description="Real width of what one copy of the picture shows, by which it is scaled on objects",
        min=0.001,
        max=10000.0,
        default=2.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )  # type: ignore[valid-type]
    tile_metres: FloatProperty(options={"HIDDEN"}, get=_tile_metres, set=_set_tile_metres)  # type: ignore[valid-type]
    relief: EnumProperty(name="Relief", description="How height is shown", items=RELIEFS, default="PREFERENCES")  # type: ignore[valid-type]
    steps: IntProperty(name="Steps", description="0 is the model's own number", min=0, max=200)  # type: ignore[valid-type]
    guidance_scale: FloatProperty(
        name="Guidance scale", description="How closely to follow the prompt; 0 is the model's own", min=0.0, max=30.0
    )  # type: ignore[valid-type]
    plane_height: FloatProperty(
        name="Height", description="Height of the plane", min=0.001, default=1.8, subtype="DISTANCE", unit="LENGTH"
    )  # type: ignore[valid-type]
    plane_facing: EnumProperty(
        name="Facing", description="Where the front of the plane looks", items=FACINGS, default="VIEW"
    )  # type: ignore[valid-type]

    @property
    def model_id(self) -> str:
        """The request's ``model``."""
        if self.model == "CATALOG":
            return str(self.catalog_model)
        return bpy.path.abspath(self.model_folder) if self.model == "FOLDER" else str(self.model)

    @property
    def own_model(self) -> str:
        """A model of the user's own, by folder, file or hub id; empty for none."""
        return self.model_id if self.model == "FOLDER" else ""

    @property
    def written(self) -> str:
        """The prompt that the user has written, in the field or in the text datablock."""
        return plain_text(line.body for line in self.prompt_text.lines) if self.prompt_text else self.prompt

    @property
    def effective_prompt(self) -> str:
        """What is written, in the words of the style."""
        return presets.effective_prompt(self.written, self.style)

    def request(self, written: str = "") -> GenerationRequest:
        """Freeze the properties; ``written`` stands for the prompt when given.

        What the model does not heed is left out, and the pictures are not in it yet: see :meth:`begun`.

        Raises:
            RequestError: one is out of range, or the prompt is empty.
        """
        material = self.output == "MATERIAL"
        size = (self.width, self.height) if self.size == "CUSTOM" else (int(self.size), int(self.size))
        instant, built_in = self.model == shelf.INSTANT, self.model in shelf.BUILT_IN
        heeds = shelf.capabilities_of(self)
        return GenerationRequest(
            prompt=presets.effective_prompt(written or self.written, self.style),
            negative_prompt=presets.joined(self.negative_prompt, self.style_negative) if heeds.negative else "",
            # An empty path would otherwise be the current folder.
            model=self.model_id or "(no model chosen)",
            kind={"MATERIAL": "material", "IMAGE": "texture", "PLANE": "reference"}[self.output],
            width=size[0] // 8 * 8,
            height=size[1] // 8 * 8,
            seed=self.seed,
            count=self.count,
            steps=self.steps or None if heeds.steps else None,
            guidance_scale=self.guidance_scale or None if heeds.guidance else None,
            tile_x=self.output != "PLANE" and self.tiling in ("XY", "X"),
            tile_y=self.output != "PLANE" and self.tiling in ("XY", "Y"),
            maps=tuple(name for name in MAPS if name in self.maps) if material and self.maps else DEFAULT_MAPS,
            real_world_width=self.real_world_width * _metres_per_unit(self.id_data) if self.own_width else None,
            # The instant model shows all variations, or a large picture, small before it draws them whole.
            preview_interval=int(self.count > 1 or max(size) > 1024) if instant else 2,
            parameters=locks.of(self.id_data) if built_in else {},
            loras=loras.of(self) if heeds.loras else (),
        )

    def begun(self, request: GenerationRequest, pictures: Reading | None = None) -> GenerationRequest:
        """The request with the form and the look that are chosen, starting from the picture that is chosen, where the
        model can.

        An image of the file is written now, or by ``pictures``.

        Raises:
            RequestError: no picture is given, or it cannot be used.  StorageError: a file cannot be read or written.
        """
        heeds = shelf.capabilities_of(self)
        if heeds.controls:
            request = controls.begun(self, request, pictures)
        request = looks.styled(request, looks.options(self, style=heeds.look, words=heeds.words), pictures)
        source = starting.chosen(self) if heeds.starts else None
        if source is None:
            return request
        return starting.begun(request, source, starting.strength_of(self) if heeds.strength else None, pictures)

    def placement(self, context: bpy.types.Context) -> Placement:
        """Where the result will go: the objects selected now, the view and the cursor of now."""
        placement = capture(
            context,
            output=self.output,
            plane_height_m=self.plane_height * _metres_per_unit(self.id_data),
            plane_facing=self.plane_facing,
        )
        scene: Any = self.id_data
        return placement.replace(
            displacement=None if self.relief == "PREFERENCES" else self.relief,
            plane_look=scene.texloom_references.new_look(),
        )

    def roll(self) -> None:
        """A seed that nobody chose."""
        self.seed = random_seed()


def of(context: bpy.types.Context) -> Any:
    """The properties of the context's scene."""
    scene: Any = context.scene
    return scene.texloom


def plain_text(lines: Iterable[str], limit: int | None = None) -> str:
    """Lines of a text datablock as one prompt: without comments (``#``), line breaks are spaces.

    Reading stops soon after ``limit`` letters, for those who only show it.
    """
    kept: list[str] = []
    length = 0
    for line in lines:
        if limit is not None and length > limit:
            break
        words = "" if line.lstrip().startswith("#") else " ".join(line.split())
        if words:
            kept.append(words)
            length += len(words) + 1
    return " ".join(kept)


def confirmed_just_now(seconds: float) -> bool:
    """Whether an edit of ``prompt_line`` was confirmed within that time and not used yet."""
    return time.monotonic() - _confirmed < seconds


def use_confirmation() -> None:
    """What was confirmed is being made."""
    global _confirmed
    _confirmed = 0.0


def _metres_per_unit(scene: Any) -> float:
    # Properties of lengths hold Blender units.
    from .scene.objects import metres_per_unit

    return metres_per_unit(scene)


def register() -> None:
    """Give every scene the properties."""
    bpy.utils.register_class(TexloomSettings)
    scene_type: Any = bpy.types.Scene
    scene_type.texloom = PointerProperty(type=TexloomSettings)  # type: ignore[func-returns-value]


def unregister() -> None:
    """Take them back."""
    scene_type: Any = bpy.types.Scene
    del scene_type.texloom
    bpy.utils.unregister_class(TexloomSettings)
