"""What authors do wrong: each mistake is told with its file, line, field and fix, and no machine starts with one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kiosk.catalogue import loader
from kiosk.catalogue.check import faults, require_clean
from kiosk.catalogue.check.patterns import pattern_fault, shortest
from kiosk.catalogue.check.places import Places
from kiosk.catalogue.loader import CatalogueError
from kiosk.catalogue.signing import sign_folder
from kiosk.cli import main
from kiosk.machine import Machine
from kiosk.messages.seal import new_sign_key
from tests.catalogues import PLAIN

DIGITS = "0123456789"
T01, H13, E13 = "traffic/T01.toml", "household/H13.toml", "exit_entry/E13.toml"
WINDOW = 'fact = "expires_on"\nop = "days_ahead_at_most"\nvalue = 90\n'
POINTS = 'fact = "points"\nop = "at_most"\nvalue = 11\n'
STATE = 'fact = "licence_state"\nop = "each_one_of"\nvalue = ["normal"]\n'
HALL = '[[steps.options]]\nid = "hall"'
DUE = "驾驶证 {expires_on} 到期，可换证"
IDENTIFY = '[[steps]]\nkind = "identify"\n'
VERIFY = '[[steps]]\nkind = "verify"\n'
PROMISE = '[limit_promise]\nn = 0\nunit = "wd"'

FREE = (
    'free_basis = { zh = "《居住证暂行条例》第十九条：办理签注不收费", '
    'en = "Regulations on Residence Permits, article 19: endorsing is free" }\n'
)

FEE = 'basis = "发改价格〔2004〕2831号"\nwhen = { zh = "领证时缴纳", en = "paid on collection" }\n'

MISTAKES = [
    # file, what stands there, what is written instead, the line's own beginning, field, what is said, the fix
    (T01, 'icon = "id', 'colour = "red"\nicon = "id', "colour", "unknown key", "remove it"),
    (T01, 'offline = "register"', 'ofline = "register"', "ofline", "unknown key", "is it offline?"),
    (T01, 'summary = { zh = "到期前 90 天内可办，10 元", en =', "summary = { zh = 'x天', ne =", "summary.en", "missing", "add it"),
    (T01, "is_collected = true", 'is_collected = "yes"', "is_collected", "'yes' is not true or false", "write true"),
    (T01, "amount_fen = 1000", "amount_fen = 10.5", "fees[0].amount_fen", "10.5 is not a whole number", "write a whole"),
    (T01, 'offline = "register"', 'offline = "offline"', "offline", "'offline' is unknown", "one of: info, register, live"),
    (T01, 'key = "T01"', 'key = "T1"', "key", "'T1' stands in the file T01.toml", "write 'T01'"),
    (T01, 'line = "traffic"', 'line = "trafic"', "line", "no line 'trafic'", "is it traffic?"),
    (T01, 'line = "traffic"', 'line = "household"', "line", "stands in the folder traffic", "write 'traffic', or move"),
    (T01, 'department = "traffic"', 'department = "trafic"', "department", "no department 'trafic'", "is it traffic?"),
    (T01, 'icon = "identification-card"', 'icon = "identificaton-card"', "icon", "no icon", "is it identification-card?"),
    (T01, '["receipt_printer"]', '["reciept_printer"]', "devices[0]", "no device", "is it receipt_printer?"),
    (T01, '["receipt_printer"]', '["camera", "camera"]', "devices[1]", "camera stands there twice", "name it once"),
    (T01, '"licence_renewed"', '"licence_renew"', "effect", "traffic has no effect", "is it licence_renewed?"),
    (T01, 'id = "window_not_over"', 'id = "window_open"', "checks[1].id", "'window_open' stands there twice", "its own id"),
    (T01, WINDOW, WINDOW.replace("s_on", "_on"), "checks[0].fact", "traffic sends no fact 'expire_on'", "is it expires_on?"),
    (T01, POINTS, f'{POINTS}from_day = "expire_on"\n', "checks[5].from_day", "sends no date 'expire_on'", "is it expires_on?"),
    (T01, POINTS, f'{POINTS}from_day = "points"\n', "checks[5].from_day", "sends no date 'points'", "one of: "),
    (T01, STATE, STATE.replace("normal", "norml"), "checks[2].value[0]", "licence_state is never 'norml'", "is it normal?"),
    (T01, STATE, STATE.replace("each_one_of", "at_most"), "checks[2].op", "at_most does not fit licence_state", "each_one_of"),
    (T01, STATE, STATE.replace('each_one_of"\nvalue = ["normal"]', 'one_of"\nvalue = "normal"'), "checks[2].op", "one_of does not fit licence_state, a list", "each_one_of"),
    (T01, STATE, STATE.replace('["normal"]', '"normal"'), "checks[2].value", "each_one_of wants a list", "write value = ['normal']"),
    (T01, STATE, STATE.replace('["normal"]', "[]"), "checks[2].value", "each_one_of wants a list", "fill it"),
    (T01, STATE, STATE.replace('"]', '", "normal"]'), "checks[2].value", "names something twice", "name it once"),
    (T01, POINTS, POINTS.replace("11", '"11"'), "checks[5].value", "'11' is not a whole number", "write a whole number"),
    (T01, POINTS, POINTS.replace("at_most", "at_mots"), "checks[5].op", "'at_mots' is unknown", "is it at_most?"),
    (T01, POINTS, POINTS.replace("at_most", "is").replace("11", "true"), "checks[5].value", "True is not a whole", "write a"),
    (T01, POINTS, POINTS.replace("at_most", "at_least").replace("11", "0"), "checks[5].value", "can never fail", "or remove it"),
    (T01, POINTS, POINTS.replace("11", "-1"), "checks[5].value", "can never hold", "or remove it"),
    (T01, POINTS, POINTS.replace("points", "exam_subject").replace("11", "4"), "checks[5].value", "can never fail: exam_subject is 1 to 4", "or remove it"),
    (T01, POINTS, POINTS.replace("points", "exam_subject").replace("11", "0"), "checks[5].value", "can never hold: exam_subject is 1 to 4", "or remove it"),
    (T01, POINTS, POINTS.replace("points", "violations_unsettled"), "checks[5].value", "can never fail where what is asked of violations_unsettled before holds", "remove it"),
    (T01, POINTS, 'fact = "violations_unsettled"\nop = "is"\nvalue = 0\n', "checks[5]", "what is asked before", "remove one"),
    (T01, POINTS, 'fact = "violations_unsettled"\nop = "is"\nvalue = 3\n', "checks[5].value", "can never hold together", "mend"),
    (T01, POINTS, POINTS + 'only_if = { fact = "points", op = "at_most", value = 9 }\n', "checks[5].value", "can never fail for those of whom only_if asks it", "mend one"),
    (T01, POINTS, POINTS + 'only_if = { fact = "points", op = "at_least", value = 12 }\n', "checks[5].value", "can never hold for those of whom only_if asks it", "mend one"),
    (T01, POINTS, POINTS + 'only_if = { fact = "answers.delivry", op = "is", value = "hall" }\n', "checks[5].only_if.fact", "sends no fact 'answers.delivry'", "is it answers.delivery?"),
    (T01, POINTS, POINTS + 'only_if = { fact = "answers.delivery", op = "is", value = "home" }\n', "checks[5].only_if.value", "answers.delivery is never 'home'", "one of"),
    (T01, WINDOW, WINDOW.replace("90", "40000"), "checks[0].value", "can never fail: expires_on is no more than a hundred years away", "or remove it"),
    (T01, 'op = "months_past_at_most"\nvalue = 12\n', 'op = "months_past_at_most"\nvalue = 1300\n', "checks[1].value", "can never fail: expires_on is no more than", "or remove it"),
    (T01, 'op = "months_past_at_most"\nvalue = 12\n', 'op = "days_ahead_at_most"\nvalue = 120\n', "checks[1].value", "can never fail where what is asked of expires_on before holds", "remove it"),
    (T01, 'kind = "review"', 'kind = "review"\nonly_if = { fact = "card.age", op = "at_least", value = 18 }', "steps[5].only_if.value", "can never fail: card.age is 18 to 200", "or remove it"),
    (T01, 'kind = "review"', 'kind = "review"\nonly_if = [{ fact = "card.sex", op = "is", value = "1" }, { fact = "card.sex", op = "is", value = "2" }]', "steps[5].only_if[1].value", "can never hold together", "mend"),
    (T01, POINTS, 'fact = "violations_unsettled"\nop = "at_least"\nvalue = 1\n', "checks[5].value", "can never hold together", "mend"),
    (T01, POINTS, 'fact = "violations_unsettled"\nop = "at_most"\nvalue = 0\n', "checks[5]", "what is asked before", "remove one"),
    (T01, WINDOW, WINDOW.replace("90", "-90"), "checks[0].value", "-90 is no number of days", "write a whole number"),
    (T01, WINDOW, WINDOW + 'code = "[0-9]"\n', "checks[0].code", "only each_one_of uses it", "remove it"),
    (T01, 'code = "[ABC][1-6]|[DEFMNP]"', 'code = "[ABC[1-6"', "checks[3].code", "not a regular expression", "correct it"),
    (T01, 'code = "[ABC][1-6]|[DEFMNP]"', 'code = "(?i)[ABC][1-6]"', "checks[3].code", "not a regular expression", "correct it"),
    (T01, 'code = "[ABC][1-6]|[DEFMNP]"', 'code = "(?P<class>[ABC][1-6])|[DEFMNP]"', "checks[3].code", "redefinition of group name", "correct it"),
    (T01, 'code = "[ABC][1-6]|[DEFMNP]"', 'code = "[]"', "checks[3].code", "unterminated character set", "correct it"),
    (T01, 'value = ["C1", ', 'value = ["C1E", ', "checks[3].value[0]", "'C1E' is not one value by code", "correct it or code"),
    (T01, 'op = "at_least", value = 70', 'op = "at_most", value = "70"', "checks[7].only_if.value", "'70' is not a whole", "write a"),
    (T01, DUE, DUE.replace("{expires_on}", "{expiry}"), "due.reason.zh", "no fact fills {expiry}", "is it expires_on?"),
    (T01, DUE, DUE.replace("{expires_on}", ""), "due.reason.zh", "lacks {expires_on}, which the other language has", "say the same"),
    (T01, DUE, DUE.replace("}", ""), "due.reason.zh", "a brace that opens or closes no place", "write {fact}"),
    (T01, DUE, DUE.replace("_on}", "_on.year}"), "due.reason.zh", "no fact fills {expires_on.year}", "is it expires_on?"),
    (T01, DUE, DUE.replace("_on}", "_on:%Y}"), "due.reason.zh", "{expires_on} has a form", "only numbers have one"),
    (T01, "换发新的机动车驾驶证", "换发 {name} 的驾驶证", "result.zh", "nothing fills {name} here", "without a place"),
    (T01, 'en = "A new driving licence"', 'en = ""', "result.en", "empty", "write it"),
    (T01, 'en = "A new driving licence"', 'en = "新的机动车驾驶证"', "result.en", "has Chinese characters", "translate it"),
    (T01, '"换发新的机动车驾驶证"', '"A new driving licence"', "result.zh", "has no Chinese characters", "translate it"),
    (T01, 'until = "expires_on"', 'until = "points"', "due.until", "'points' is no date", "expires_on"),
    (E13, 'when = [\n    { fact = "trips_left", op = "at_least", value = 1 },\n    { fact = "valid_until", op = "days_past_at_most", value = 0 },\n]\n', "", "due", "says no when", "add when"),
    (T01, 'op = "days_ahead_at_most", value = 90 }', 'op = "days_ahead_at_most", value = 120 }', "due.when[0].value", "due for some whom the check window_open refuses", "write 90"),
    (T01, "min_age = 18", "min_age = 80\nmax_age = 70", "applicant.min_age", "nobody is 80 to 70", "swap them"),
    (T01, "min_age = 18", "min_age = -1", "applicant.min_age", "below 0", "youngest age"),
    (H13, 'cards = ["resident"]', "cards = []", "applicant.cards", "no card is accepted", 'as ["resident"]'),
    (H13, 'cards = ["resident"]', 'cards = ["residnet"]', "applicant.cards[0]", "'residnet' is unknown", "is it resident?"),
    (T01, "amount_fen = 1000", "amount_fen = -1000", "fees[0].amount_fen", "more than 0 fen", "leave out"),
    (T01, 'item_kind = "at_once"', 'item_kind = "promised"', "item_kind", "done at once, and called one that takes its time", 'item_kind = "at_once"'),
    (T01, PROMISE, PROMISE.replace("0", "1"), "item_kind", "takes its time, and is called done at once", 'item_kind = "promised"'),
    (T01, 'item_kind = "at_once"\n', 'item_kind = "promised"\nflags = ["nearby", "at_once"]\nlimits_if = [{ only_if = { fact = "age", op = "at_least", value = 70 }, when = { zh = "七十岁以上", en = "From 70 on" }, law = { n = 1, unit = "d" }, promise = { n = 1, unit = "d" } }]\n', "flags[1]", "flagged as done at once", "take at_once out"),
    (T01, 'item_kind = "at_once"', 'item_kind = "at_once"\nhandled_at = "window"\nflags = ["one_visit"]', "flags[0]", "no single visit", "take one_visit out"),
    (T01, PROMISE, PROMISE.replace("0", "-1"), "limit_promise.n", "-1 days are no time limit", "0 for at once"),
    (T01, PROMISE, PROMISE.replace("0", "inf"), "limit_promise.n", "inf days are no time limit", "0 for at once"),
    (T01, PROMISE, PROMISE.replace("0", "5"), "limit_promise.n", "longer than limit_law", "or sooner"),
    (T01, 'kind = "review"', 'kind = "reveiw"', "steps[5].kind", "no step kind 'reveiw'", "docs/journeys.md"),
    (T01, IDENTIFY, "", "steps[6]", "nobody has said who they are", "identify before it"),
    (T01, IDENTIFY, 2 * IDENTIFY, "steps[1]", "a second identify is never reached", "remove it"),
    (T01, HALL, HALL.replace("hall", "window"), "steps[3].options[1].id", "'window' stands there twice", "its own id"),
    (T01, 'name = "phone"', 'name = "delivery"', "steps[4].fields[0].name", "'delivery' is asked twice", "its own name"),
    (T01, 'pattern = "1[3-9][0-9]{9}"', 'pattern = "1[3-9][0-9{9}"', "steps[4].fields[0].pattern", "not a regular", "correct it"),
    (T01, 'pattern = "1[3-9][0-9]{9}"', 'pattern = "(1[0-9]*)+x"', "steps[4].fields[0].pattern", "may take for ever", "take one"),
    (T01, 'pattern = "1[3-9][0-9]{9}"', 'pattern = "20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"', "steps[4].fields[0].pattern", "takes 31 February for a day", 'kind = "date"'),
    (T01, 'keys = "phone"', 'keys = "id_number"', "steps[4].fields[0].keys", "judged, not only typed", 'kind = "id_number"'),
    (T01, "max_length = 11", "max_length = 10", "steps[4].fields[0].pattern", "more than the 10 characters", "max_length"),
    (T01, '[[basis]]\nlaw = "公安部令第162号《机动车驾驶证申领和使用规定》"\nclause = "有效期满换证"\nvalid_from = 2022-04-01\n', "", "basis", "is empty, and everybody may know it", "add [[basis]]"),
    (E13, "devices = []", "is_collected = true", "is_collected", "is used by nothing", "add a step file"),
    (E13, "devices = []", 'effect = "licence_renewed"', "effect", "exit_entry has no effect", "one of: none"),
    (E13, 'offline = "live"', 'offline = "register"', "offline", "nothing is filed", 'write "info" or "live"'),
    ("common/C01.toml", 'offline = "info"', 'offline = "info"\n[due]\nreason = { zh = "到期", en = "due" }\nwhen = [{ fact = "age", op = "at_least", value = 70 }]', "due", "is used by nothing", "name the department"),
    ("lines.toml", 'colour = "#1447B8"\norder = 10', 'colour = "#7FB2FF"\norder = 10', "traffic.colour", "cannot be read on it", "darker"),
    ("lines.toml", 'colour = "#06655D"', 'colour = "teal"', "household.colour", "'teal' is no colour", 'write "#1447B8"'),
    ("lines.toml", 'icon = "airplane-tilt"', 'icon = "airplane-tilted"', "exit_entry.icon", "no icon", "is it airplane-tilt?"),
    ("lines.toml", 'department = "traffic"', 'department = "cars"', "traffic.department", "no department 'cars'", "one of:"),
    ("lines.toml", "[common]", '[safety]\nname = { zh = "治安", en = "Safety" }\nicon = "car"\ncolour = "#1447B8"\n[common]', "safety", "has no service", "put one into the folder safety"),
    ("departments.toml", 'points = { type = "number"', 'points = { type = "integer"', "traffic.facts.points.type", "'integer' is unknown", "number"),
    ("catalogue.toml", 'version = "2027.01"', 'version = ""', "version", "'' counts nothing", "count it up"),
    ("catalogue.toml", 'help_phone = "110 / 12367"', 'help_phone = "-"', "help_phone", "no telephone number", "can call"),
    (T01, "min_age = 18", "min_age = 70", "checks[7].only_if.value", "can never fail: age is 70 to 200", "or remove it"),
    (T01, "min_age = 18", "min_age = 18\nmax_age = 69", "checks[7].only_if.value", "can never hold: age is 18 to 69", "or remove it"),
    (T01, "max_length = 11", "max_length = 0", "steps[4].fields[0].max_length", "nothing can be typed", "how many"),
    (T01, '{ zh = "在本大厅领取", en = "Collect in this hall" }', '{ zh = "到车管窗口领取", en = "Collect at the traffic counter" }', "steps[3].options[1].label", "the same words", "what differs"),
    (T01, 'proxy = "window"\n', "", "proxy", "is empty, and everybody may know it", 'write proxy = "no"'),
    (T01, 'basis = "发改价格〔2004〕2831号"', 'basis = ""', "fees[0].basis", "a fee without a basis", "write the rule"),
    (H13, 'phone = "12345"\n', "", "phone", "nobody can be called", "in lines.toml"),
    (H13, FREE, "", "free_basis", "is free, and nothing says by what rule", "or add [[fees]]"),
    (H13, "proxy = ", 'believed = ["limit_lav"]\nproxy = ', "believed[0]", "no field 'limit_lav'", "is it limit_law?"),
    (H13, 'source = "signature"', 'source = "fingerprint"', "materials[2].source", "no step takes it: fingerprint", "add a step fingerprint"),
    (H13, 'source = "signature"', 'source = "photo"', "materials[2].source", "no step takes it: photo", "add a step photo"),
    (H13, 'source = "signature"', 'source = "shared"', "materials", "the step sign takes something that is not named", 'source = "signature"'),
    (T01, "is_collected = true", "is_collected = false", "fees", "nobody takes this money", "add a step pay"),
    (T01, POINTS, f"{POINTS}valid_from = 2027-03-01\nvalid_to = 2027-02-28\n", "checks[5].valid_to", "is before valid_from: it never holds", "swap them"),
    (T01, 'icon = "id', 'valid_from = 2027-03-01\nvalid_to = 2027-02-28\nicon = "id', "valid_to", "is before valid_from: it never holds", "swap them"),
    (T01, POINTS, f'{POINTS}valid_from = "2027-03-01"\n', "checks[5].valid_from", "'2027-03-01' is not a date", "write a date like"),
    (T01, "amount_fen = 1000", f"amount_fen = 1000\n{FEE}[[fees]]\namount_fen = 900", "fees[1]", "is due together with fees[0], for the same", "give each its own days"),
    (T01, "amount_fen = 1000", f"amount_fen = 1000\nvalid_to = 2027-06-30\n{FEE}[[fees]]\nvalid_from = 2027-06-30\namount_fen = 900", "fees[1]", "is due together with fees[0]", "give each its own days"),
    (T01, PROMISE, PROMISE.replace("0", "0.5"), "limit_promise.n", "0.5 days are no time limit", "or the whole days"),
    (T01, PROMISE, f'{PROMISE}\n[[limits_if]]\nonly_if = {{ fact = "age", op = "at_least", value = 70 }}\nlaw = {{ n = 3, unit = "d" }}\npromise = {{ n = 4, unit = "d" }}', "limits_if[0].promise.n", "longer than limits_if[0].law", "or sooner"),
    (H13, "proxy = ", "guardian_below = -1\nproxy = ", "guardian_below", "below 0", "0 for none"),
    (H13, "proxy = ", 'flags = ["nearby", "nearby"]\nproxy = ', "flags", "names something twice", "name it once"),
    (T01, "换发新的机动车驾驶证", "换发新的\\n机动车驾驶证", "result.zh", "a character that nobody sees, U+000A", "one line"),
    (T01, "换发新的机动车驾驶证", "换发新的\u202e机动车驾驶证", "result.zh", "a character that nobody sees, U+202E", "without it"),
    (T01, "amount_fen = 1000", 'only_if = { fact = "card.age", op = "at_most", value = 69 }\namount_fen = 1000', "fees[0].only_if.fact", "card.age is known here only", "a fact of the department"),
    (T01, "amount_fen = 1000", 'only_if = { fact = "machine.online", op = "is", value = true }\namount_fen = 1000', "fees[0].only_if.fact", "machine.online is known here only", "or an answer"),
    (T01, PROMISE, f'{PROMISE}\n[[limits_if]]\nonly_if = {{ fact = "card.age", op = "at_least", value = 70 }}\nlaw = {{ n = 4, unit = "d" }}\npromise = {{ n = 3, unit = "d" }}', "limits_if[0].only_if.fact", "card.age is known here only", "a fact of the department"),
    (T01, 'pattern = "1[3-9][0-9]{9}"', 'pattern = "^$"', "steps[4].fields[0].pattern", "matches nothing that anybody types", "looks like"),
    (T01, 'keys = "phone"\n', 'kind = "date"\nearliest = "2027-02-01"\nlatest = "2027-01-01"\n', "steps[4].fields[0].earliest", "no day fits from 2027-02-01 to 2027-01-01", "correct it"),
    (T01, 'name = "phone"', 'name = "my phone"', "steps[4].fields[0].name", "'my phone' is no name", "write one like"),
    (T01, 'name = "phone"', 'name = ""', "steps[4].fields[0].name", "'' is no name", "write one like"),
    (T01, 'id = "window_not_over"', 'id = ""', "checks[1].id", "'' is no name", "write one like"),
    (T01, 'offline = "register"', 'offline = "info"', "offline", "something is filed", "or"),
    (T01, 'en = "A new driving licence"', 'en = "…"', "result.en", "says nothing", "in words"),
    (T01, "换发新的机动车驾驶证", "换发新的\u2028机动车驾驶证", "result.zh", "nobody sees, U+2028", "without it"),
    (T01, "换发新的机动车驾驶证", "换发新的\ue001机动车驾驶证", "result.zh", "nobody sees, U+E001", "without it"),
    (H13, 'phone = "12345"', 'phone = "see website"', "phone", "no telephone number", "can call"),
    ("departments.toml", 'points = { type = "number"', 'points = { type = "number", least = 13, most = 12', "traffic.facts.points.least", "no number fits", "correct one"),
    ("departments.toml", 'points = { type = "number"', '"card.age" = { type = "number", about = "x" }\npoints = { type = "number"', "traffic.facts.card.age", "is no name of a fact", "write one like"),
    ("catalogue.toml", '"2027.01"', '"2027.13"', "version", "names no month", "2027.02"),
    (T01, VERIFY, "", "steps[6]", "nobody has been verified", "put a step verify before it"),
    (T01, VERIFY, f'{VERIFY}only_if = {{ fact = "card.sex", op = "is", value = "1" }}\n', "steps[7]", "some have not been verified", "take it out"),
    ("catalogue.toml", "help_phone", "helpphone", "helpphone", "unknown key", "is it help_phone?"),
]  # fmt: skip


_CAR = '[{ name = "inspected_to", fact = "plates_inspected_to", answer = "vehicle" }]'


@pytest.mark.parametrize(
    ("old", "new", "field", "fix"),
    [
        ('"answers.vehicle"]', '"answers.vehicl"]', "fields[0]", "is it answers.vehicle?"),
        (_CAR, _CAR.replace("plates_", "plate_"), "of_chosen[0].fact", "is it plates_inspected_to?"),
        (_CAR, _CAR.replace('"vehicle"', '"vehicl"'), "of_chosen[0].answer", "is it answers.vehicle?"),
    ],
)
def test_what_is_written_on_a_document_is_known_to_somebody(old: str, new: str, field: str, fix: str) -> None:
    files = loader.read_folder(loader.shipped())
    text = files["traffic/T13.toml"].decode()
    assert old in text
    (found,) = faults({**files, "traffic/T13.toml": text.replace(old, new, 1).encode()})
    assert found.field.endswith(f"].{field}")
    assert "neither a step before it nor the department says" in found.what
    assert fix in found.fix


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["3m_2", "1y_2"]', '["3m_2"]', ["fees[1].only_if: nothing is paid for hong_kong 1y_2"]),
        ('["3m_2", "1y_2"]', '["3m_2"]\n#', []),
    ],
)
def test_a_table_of_prices_has_one_for_everything_that_can_be_chosen(old: str, new: str, said: list[str]) -> None:
    files = loader.read_folder(loader.shipped())
    name, text = "exit_entry/E06.toml", files["exit_entry/E06.toml"].decode()
    if new.endswith("#"):
        new, text = new[:-2], 'free_basis = { zh = "试点期间免费", en = "Free in the trial" }\n' + text
    found = faults({**files, name: text.replace(old, new, 1).encode()})
    assert [f"{each.field}: {each.what}" for each in found] == said


def test_a_list_among_whose_values_something_is_looked_for_is_one_that_is_sent() -> None:
    files = loader.read_folder(loader.shipped())
    name = "traffic/T14.toml"
    wrong = files[name].decode().replace('"plates_free_of_trailers"', '"plates_of_trailers"')
    (found,) = faults({**files, name: wrong.encode()})
    assert (found.field, found.fix) == ("fees[2].only_if.value", "is it plates_free_of_trailers?")


def mistaken(name: str, old: str, new: str) -> dict[str, bytes]:
    """The plain catalogue with one mistake."""
    files = loader.read_folder(PLAIN)
    text = files[name].decode()
    assert text.count(old) >= 1, f"{name} has no {old!r}"
    return {**files, name: text.replace(old, new, 1).encode()}


def shown(files: dict[str, bytes]) -> list[str]:
    return [str(fault) for fault in faults(files)]


def test_the_shipped_catalogue_is_clean() -> None:
    assert shown(loader.read_folder(loader.shipped())) == []
    assert shown(loader.read_folder(PLAIN)) == []


@pytest.mark.parametrize(("name", "old", "new", "field", "what", "fix"), MISTAKES)
def test_a_mistake_is_told_with_file_line_field_and_fix(
    name: str, old: str, new: str, field: str, what: str, fix: str
) -> None:
    files = mistaken(name, old, new)
    told = [fault for fault in faults(files) if fault.field == field and what in fault.what]
    assert len(told) == 1, shown(files)
    (fault,) = told
    assert str(fault).startswith(f"{name}:{fault.line}: {field}: "), "one line"
    assert "\n" not in str(fault)
    assert fix in fault.fix
    lines = files[name].decode().splitlines()
    last = re.split(r"[.\[]", field)[-1].rstrip("0123456789]")
    is_missing = what == "missing" or new == ""
    assert is_missing or last in lines[fault.line - 1], f"{fault.line}: {lines[fault.line - 1]}"


def test_everything_is_told_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = mistaken(T01, 'key = "T01"', 'colour = "red"\nkey = "T01"')
    text = files[T01].decode().replace('"licence_renewed"', '"renew"').replace("min_age = 18", "min_age = -18")
    files = {**files, T01: text.encode(), H13: files[H13].replace(b'line = "household"', b'line = "houses"')}
    told = [(fault.file, fault.field) for fault in faults(files)]
    assert told == [
        (H13, "line"),
        (H13, "line"),
        (T01, "colour"),
        (T01, "effect"),
        (T01, "applicant.min_age"),
    ]


@pytest.mark.parametrize(
    ("step", "after", "what"),
    [
        ("choose", "review", "comes after review, which shows the answers"),
        ("form", "file", "comes after file, which files the answers"),
        ("slip", "", "nothing is filed before it"),
        ("verify", "", "verify needs a card that was read"),
        ("eligibility", "", "eligibility needs a card that was read"),
    ],
)
def test_a_step_in_the_wrong_place_is_told(step: str, after: str, what: str) -> None:
    text = loader.read_folder(PLAIN)[T01].decode()
    head, *steps = text.split("[[steps]]")
    moved = next(each for each in steps if f'kind = "{step}"' in each)
    rest = [each for each in steps if each is not moved]
    at = next((n + 1 for n, each in enumerate(rest) if f'kind = "{after}"' in each), 0)
    rest.insert(at, moved)
    files = mistaken(T01, text, "[[steps]]".join([head, *rest]))
    found = [fault for fault in faults(files) if what in fault.what]
    assert [fault.field for fault in found] == [f"steps[{at}]"], shown(files)
    assert files[T01].decode().splitlines()[found[0].line - 1] == "[[steps]]"


def test_the_same_key_in_two_lines_is_told() -> None:
    files = loader.read_folder(PLAIN)
    twin = files[T01].replace(b'line = "traffic"', b'line = "household"')
    assert "household/T01.toml is the key" not in "\n".join(shown(files))
    assert any("is the key of household/T01.toml too" in told for told in shown({**files, "household/T01.toml": twin}))


def test_a_file_that_is_no_toml_is_told_with_its_line() -> None:
    told = shown(mistaken(T01, 'line = "traffic"', 'line = "traffic'))
    assert len(told) == 1
    assert told[0].startswith(f"{T01}:2: not TOML: ")


def test_a_file_that_nobody_reads_is_told() -> None:
    files = loader.read_folder(PLAIN)
    assert shown({**files, "line.toml": b""}) == [
        "line.toml:1: belongs to nothing; is it lines.toml?, or a service in its line's folder"
    ]
    without = {name: raw for name, raw in files.items() if name != "lines.toml"}
    assert "lines.toml:1: no such file" in shown(without)[0]


def test_the_command_says_them_all_and_the_number_of_services_when_there_is_none(folder: Path) -> None:
    done = CliRunner().invoke(main, ["catalogue", "check", str(folder)])
    assert (done.exit_code, done.output) == (
        0,
        f"catalogue 2027.01: {len(loader.load(folder).services)} services, all well\n",
    )
    path = folder / T01
    path.write_text(path.read_text("utf-8").replace('"licence_renewed"', '"renew"').replace("= 18", "= -18"), "utf-8")
    done = CliRunner().invoke(main, ["catalogue", "check", str(folder)])
    assert done.exit_code == 1
    told = done.output.splitlines()
    assert [line.split(":")[0] for line in told[:2]] == [T01, T01]
    assert "2 to mend" in told[2]


def test_no_machine_starts_with_one_and_none_is_signed(folder: Path, start: Callable[[], Machine]) -> None:
    path = folder / T01
    path.write_text(path.read_text("utf-8").replace('"licence_renewed"', '"renew"').replace("= 18", "= -18"), "utf-8")
    one_line = rf"{T01}:\d+: effect: traffic has no effect 'renew'.*\(and 1 more: kiosk catalogue check "
    with pytest.raises(CatalogueError, match=one_line):
        sign_folder(folder, new_sign_key().private)
    with pytest.raises(CatalogueError, match=one_line):
        require_clean(folder, loader.read_folder(folder))


def test_whatever_stands_in_a_field_the_check_says_a_line_and_goes_on() -> None:
    files = {name: raw for name, raw in loader.read_folder(PLAIN).items() if "/" not in name or name == E13}
    lines = files[E13].decode().splitlines()
    for at, line in enumerate(lines):
        key, is_pair, _ = line.partition(" = ")
        for value in ("-1", '""', "[[]]", "{ zh = 1, en = [] }", "[{ fact = 1 }]") if is_pair else ():
            changed = "\n".join([*lines[:at], f"{key} = {value}", *lines[at + 1 :]])
            told = shown({**files, E13: changed.encode()})
            assert all("\n" not in each for each in told), changed


@pytest.mark.parametrize("name", [name for name in loader.read_folder(PLAIN) if name.endswith(".toml")])
def test_every_field_of_every_file_has_its_line(name: str) -> None:
    text = loader.read_folder(PLAIN)[name].decode()
    places, lines = Places(text), text.splitlines()

    def look(part: Any, path: tuple[str | int, ...]) -> None:
        if path and isinstance(path[-1], str):
            assert path[-1] in lines[places.line(path) - 1], path
        for key, each in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
            look(each, (*path, key))

    look(tomllib.loads(text), ())


def test_lines_are_counted_past_comments_long_texts_and_quoted_keys() -> None:
    text = 'a = """\n[no]\n# no\n"""\n# [no]\n"b c" = 1\n[d.e] # x\nf = [\n  [1, 2],\n  { g = "]" },\n]\n[[h]]\n[[h]]\n[h.i]\nj = \'#\'\n'
    places = Places(text)
    assert [
        places.line(path)
        for path in [
            ("a",),
            ("b c",),
            ("d", "e", "f"),
            ("d", "e", "f", 1, "g"),
            ("h", 1),
            ("h", 1, "i", "j"),
            ("h", 1, "k"),
        ]
    ] == [1, 6, 8, 10, 13, 15, 13]


@pytest.mark.parametrize(
    ("pattern", "is_bad"),
    [
        *(
            ("(a+)+", True),
            ("(a*b?)*c", True),
            ("([0-9]+,?)+", True),
            ("[", True),
            ("", True),
            ("a{1,999}{1,999}", True),
            (f"a{{{'1' * 5000}}}", True),
            ("(?<=a+)b", True),
            ("(?u)a", True),
            (f"{'(' * 400}a{')' * 400}", True),
        ),
        *(("(){99999999}a", True), ("(?=a){9}a", False)),
        *(("([0-9]|[0-9]{2})+-", True), ("(AB|A|B)*-", True), ("([0-9]{1,50}){1,50}-", True), ("(a?b?){40}c", True)),
        *(
            ("([0-9]{4}[ -]?){1,5}", False),
            ("[A-Z]*[0-9]*[A-Z0-9]*", False),
            (".+-.+-.+", False),
            ("([A-Z]|[A-Z0-9])+-", False),
        ),
        *(("1[3-9][0-9]{9}", False), ("[A-Z]+", False), ("(ab){1,5}", False), ("a+b+", False), ("(a|b)*", False)),
    ],
)
def test_patterns_that_cannot_be_read_or_never_end_are_told(pattern: str, is_bad: bool) -> None:
    assert bool(pattern_fault(pattern)) is is_bad


@pytest.mark.parametrize(
    ("pattern", "signs", "least"),
    [
        ("[0-9]{8}|[A-Z]{3}", DIGITS, 8),
        ("FP[0-9]{8}", DIGITS, None),
        (r"\d{2}-?\d{2}", DIGITS, 4),
        (r"[^A-Z]\w+", DIGITS, 2),
        (r"\D", DIGITS, None),
        ("(?i)[a-c]{2}", "ABC", 2),
        ("(X|[0-9])(?=.)[^5]", "5", None),
        ("A?(B[0-9])*", DIGITS, 0),
    ],
)
def test_what_keys_can_write_of_a_pattern_is_known(pattern: str, signs: str, least: int | None) -> None:
    assert shortest(pattern, signs) == least
