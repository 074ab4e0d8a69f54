"""Named colours of the synthetic world, grouped by the material they belong to."""

from __future__ import annotations

# The basic colour terms of English.
BASIC = {
    "red": (200, 34, 40),
    "orange": (236, 128, 32),
    "yellow": (238, 204, 48),
    "green": (46, 140, 66),
    "blue": (40, 84, 184),
    "purple": (118, 56, 152),
    "pink": (238, 150, 182),
    "brown": (112, 70, 40),
    "black": (34, 34, 36),
    "grey": (132, 134, 138),
    "white": (240, 240, 238),
}
WOOD = {
    "oak": (181, 137, 84),
    "walnut": (96, 62, 40),
    "pine": (214, 178, 122),
    "cherry wood": (136, 64, 44),
    "ebony": (48, 38, 34),
    "birch": (226, 202, 160),
    "white painted": (236, 234, 226),
    "grey painted": (150, 152, 150),
}
METAL = {
    "steel": (176, 180, 186),
    "chrome": (208, 212, 218),
    "black iron": (44, 46, 50),
    "brass": (186, 150, 72),
    "copper": (178, 108, 68),
    "gunmetal": (92, 96, 104),
}
PLASTIC = {
    "white": (240, 240, 240),
    "black": (36, 36, 38),
    "grey": (132, 134, 138),
    "beige": (216, 204, 180),
    "dark blue": (36, 58, 112),
    "red": (186, 40, 40),
    "green": (52, 132, 70),
    "yellow": (224, 188, 52),
}
FABRIC = {
    "cream": (232, 222, 198),
    "navy": (38, 48, 88),
    "burgundy": (112, 30, 46),
    "charcoal": (66, 68, 74),
    "olive": (112, 116, 64),
    "teal": (34, 118, 122),
    "mustard": (206, 160, 54),
    "rose": (206, 138, 146),
    "brown leather": (110, 70, 44),
    "black leather": (40, 36, 36),
    "light blue": (140, 176, 212),
    "white linen": (240, 238, 232),
}
CERAMIC = {
    "white porcelain": (244, 244, 240),
    "terracotta": (190, 98, 62),
    "blue glazed": (56, 88, 158),
    "green glazed": (78, 128, 92),
    "black glazed": (42, 42, 48),
    "ivory": (234, 224, 200),
    "red glazed": (164, 44, 40),
    "sandstone": (200, 176, 140),
}
GLASS = {
    "clear glass": (206, 224, 228),
    "green glass": (64, 112, 72),
    "brown glass": (108, 66, 30),
    "blue glass": (96, 140, 190),
    "smoked glass": (112, 116, 120),
}
LEAF = {
    "green": (66, 128, 58),
    "dark green": (36, 84, 44),
    "yellow-green": (144, 166, 66),
    "olive green": (104, 116, 60),
}
FLOWER = {
    "red": (204, 44, 56),
    "pink": (232, 140, 170),
    "white": (244, 242, 236),
    "yellow": (240, 204, 64),
    "violet": (134, 84, 170),
}
PAINT = {
    "white": (238, 238, 238),
    "pearl white": (246, 244, 238),
    "light grey": (206, 208, 210),
    "silver": (184, 188, 194),
    "black": (40, 40, 44),
    "red": (180, 34, 36),
    "blue": (38, 78, 152),
    "yellow": (232, 190, 40),
    "orange": (226, 112, 34),
    "green": (44, 106, 68),
}
STONE = {
    "marble": (228, 226, 222),
    "brick": (156, 78, 60),
    "granite": (128, 126, 128),
    "limestone": (212, 202, 180),
    "slate": (86, 92, 98),
}
SKIN = {
    "light": (232, 194, 168),
    "tan": (198, 150, 112),
    "brown": (140, 94, 64),
    "dark": (90, 60, 44),
}
CARDBOARD = {
    "cardboard": (190, 150, 104),
    "white card": (232, 230, 222),
    "grey card": (150, 146, 138),
    "blue card": (76, 112, 168),
    "red card": (176, 60, 52),
}
DARK = (34, 34, 36)
KEYS = {
    "white": (236, 236, 234),
    "black": (38, 38, 40),
    "grey": (136, 138, 142),
    "beige": (212, 202, 180),
    "dark grey": (78, 80, 84),
}
RUBBER = (40, 40, 42)
WHITE = (240, 240, 238)
SOIL = (72, 52, 40)
SCREEN = (24, 28, 38)
PAPER = (236, 232, 220)
