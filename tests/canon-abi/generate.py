"""Writes test vectors for canon-abi with the specification's definitions.py.

    python3 generate.py DEFINITIONS SEED COUNT > vectors.txt

DEFINITIONS is the path of definitions.py; it ships with the crate wasm-tools
(tests/component-model/design/mvp/canonical-abi). Python 3.11 or newer. The same
seed gives the same vectors. What a line means is said in vectors.rs, which
reads them.
"""

import random
import struct
import sys
import types


def load_definitions(path):
    """Runs definitions.py with annotations as text, so that older Pythons do."""
    module = types.ModuleType("definitions")
    sys.modules["definitions"] = module
    with open(path, encoding="utf-8") as f:
        source = "from __future__ import annotations\n" + f.read()
    exec(compile(source, path, "exec"), module.__dict__)
    module.DETERMINISTIC_PROFILE = True
    return module


D = load_definitions(sys.argv[1])
RANDOM = random.Random(int(sys.argv[2]))
COUNT = int(sys.argv[3])
FILL = 0xCC
ENCODINGS = ["utf8", "utf16", "latin1+utf16"]
INTS = {
    "u8": (D.U8Type, 8, False), "u16": (D.U16Type, 16, False),
    "u32": (D.U32Type, 32, False), "u64": (D.U64Type, 64, False),
    "s8": (D.S8Type, 8, True), "s16": (D.S16Type, 16, True),
    "s32": (D.S32Type, 32, True), "s64": (D.S64Type, 64, True),
}
INT_BY_CLASS = {cls: (name, bits, signed) for name, (cls, bits, signed) in INTS.items()}


class Instance:
    """As much of a component instance as values need."""

    def __init__(self):
        self.handles = D.Table()


class Context(D.LiftLowerContext):
    """A guest whose realloc never frees."""

    def __init__(self, encoding, pointer, size, base):
        memory = D.MemInst(bytearray([FILL] * size), "i64" if pointer == 64 else "i32")
        opts = D.LiftLowerOptions(encoding, memory)
        super().__init__(opts, Instance())
        self.next = base
        self.pointer = pointer

    def reallocate(self, old, old_size, alignment, new_size):
        if new_size <= old_size:
            return old
        at = D.align_to(self.next, alignment)
        self.next = at + new_size
        memory = self.opts.memory
        if old_size > 0 and at + old_size <= len(memory):
            memory[at:at + old_size] = memory[old:old + old_size]
        return at


RESOURCE = D.ResourceType(None)


def random_type(depth):
    leaf = depth == 0 or RANDOM.random() < 0.35
    if leaf:
        kind = RANDOM.choice(["int"] * 4 + ["string"] * 2 + ["bool", "f32", "f64", "char", "enum", "flags", "own"])
    else:
        kind = RANDOM.choice(["list", "record", "tuple", "variant", "option", "result"])
    inner = lambda: random_type(depth - 1)
    maybe = lambda: None if RANDOM.random() < 0.3 else inner()
    names = lambda n: [f"n{i}" for i in range(n)]
    match kind:
        case "int": return INTS[RANDOM.choice(list(INTS))][0]()
        case "bool": return D.BoolType()
        case "f32": return D.F32Type()
        case "f64": return D.F64Type()
        case "char": return D.CharType()
        case "string": return D.StringType()
        case "own": return D.OwnType(RESOURCE)
        case "enum": return D.EnumType(names(RANDOM.choice([1, 2, 3, 7, 256, 257])))
        case "flags": return D.FlagsType(names(RANDOM.choice([1, 3, 8, 9, 16, 17, 31, 32])))
        case "list": return D.ListType(inner())
        case "record": return D.RecordType([D.FieldType(n, inner()) for n in names(RANDOM.randint(1, 5))])
        case "tuple": return D.TupleType([inner() for _ in range(RANDOM.randint(1, 4))])
        case "variant": return D.VariantType([D.CaseType(n, maybe()) for n in names(RANDOM.randint(1, 4))])
        case "option": return D.OptionType(inner())
        case "result": return D.ResultType(maybe(), maybe())


def show_type(t):
    maybe = lambda t: "_" if t is None else show_type(t)
    commas = lambda ts: ",".join(maybe(t) for t in ts)
    match t:
        case D.BoolType(): return "bool"
        case D.F32Type(): return "f32"
        case D.F64Type(): return "f64"
        case D.CharType(): return "char"
        case D.StringType(): return "string"
        case D.OwnType(): return "own"
        case D.EnumType(labels): return f"enum({len(labels)})"
        case D.FlagsType(labels): return f"flags({len(labels)})"
        case D.ListType(e): return f"list({show_type(e)})"
        case D.RecordType(fields): return f"record({commas([f.t for f in fields])})"
        case D.TupleType(ts): return f"tuple({commas(ts)})"
        case D.VariantType(cases): return f"variant({commas([c.t for c in cases])})"
        case D.OptionType(e): return f"option({show_type(e)})"
        case D.ResultType(a, b): return f"result({maybe(a)},{maybe(b)})"
        case _: return INT_BY_CLASS[type(t)][0]


ALPHABETS = ["abc xyz09", "äöüßé~", "日本☃\u200d", "🎉🚀a", "aä☃🎉"]


def random_text():
    alphabet = RANDOM.choice(ALPHABETS[:1] * 3 + ALPHABETS)
    text = "".join(RANDOM.choice(alphabet) for _ in range(RANDOM.choice([0, 1, 2, 5, 9, 21])))
    if RANDOM.random() < 0.2:
        text = "sixteen of ascii" + text
    return text


def random_value(t):
    case = lambda label, t: {label: None if t is None else random_value(t)}
    match t:
        case D.BoolType(): return RANDOM.random() < 0.5
        case D.F32Type(): return random_float(4, "<I", "<f")
        case D.F64Type(): return random_float(8, "<Q", "<d")
        case D.CharType(): return RANDOM.choice("aäß☃🎉\u0000\ud7ff\ue000\U0010ffff")
        case D.StringType():
            text = random_text()
            return (text, "utf8", len(text.encode()))
        case D.OwnType(): return RANDOM.getrandbits(32)
        case D.EnumType(labels): return {RANDOM.choice(labels): None}
        case D.FlagsType(labels): return {l: RANDOM.random() < 0.5 for l in labels}
        case D.ListType(e): return [random_value(e) for _ in range(RANDOM.choice([0, 1, 2, 3, 4]))]
        case D.RecordType(fields): return {f.label: random_value(f.t) for f in fields}
        case D.TupleType(ts): return {str(i): random_value(t) for i, t in enumerate(ts)}
        case D.VariantType(cases):
            c = RANDOM.choice(cases)
            return case(c.label, c.t)
        case D.OptionType(e): return RANDOM.choice([{"none": None}, case("some", e)])
        case D.ResultType(a, b): return RANDOM.choice([case("ok", a), case("error", b)])
        case _:
            _, bits, signed = INT_BY_CLASS[type(t)]
            v = RANDOM.choice([0, 1, (1 << bits) - 1, 1 << (bits - 1), RANDOM.getrandbits(bits)])
            return v - (1 << bits) if signed and v >> (bits - 1) else v


def random_float(size, as_int, as_float):
    special = RANDOM.choice([0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), None, None])
    if special is not None:
        return special
    v = struct.unpack(as_float, struct.pack(as_int, RANDOM.getrandbits(size * 8)))[0]
    return 0.25 if v != v else v


def float_bits(v, size):
    """The bits, with the canonical NaN."""
    if v != v:
        return D.CANONICAL_FLOAT32_NAN if size == 4 else D.CANONICAL_FLOAT64_NAN
    return struct.unpack("<I" if size == 4 else "<Q", struct.pack("<f" if size == 4 else "<d", v))[0]


def show_value(t, v):
    def case(cases):
        [(label, payload)] = v.items()
        [(i, t)] = [(i, c.t) for i, c in enumerate(cases) if c.label == label]
        return f"{i}" if t is None else f"{i}({show_value(t, payload)})"
    match t:
        case D.BoolType(): return str(int(v))
        case D.F32Type(): return str(float_bits(v, 4))
        case D.F64Type(): return str(float_bits(v, 8))
        case D.CharType(): return str(ord(v))
        case D.StringType(): return "'" + v[0].encode("utf-8").hex()
        case D.OwnType(): return str(v)
        case D.EnumType(_) | D.VariantType(_) | D.OptionType(_) | D.ResultType(_, _):
            return case(D.despecialize(t).cases)
        case D.FlagsType(labels): return str(D.pack_flags_into_int(v, labels))
        case D.ListType(e): return "[" + ",".join(show_value(e, x) for x in v) + "]"
        case D.RecordType(_) | D.TupleType(_):
            return "(" + ",".join(show_value(f.t, v[f.label]) for f in D.despecialize(t).fields) + ")"
        case _: return str(v)


def show_flat(flat_types, flat):
    bits = []
    for ft, v in zip(flat_types, flat):
        match ft:
            case "f32": bits.append(float_bits(v, 4))
            case "f64": bits.append(float_bits(v, 8))
            case _: bits.append(v)
    return ",".join(map(str, bits)) or "-"


def show_memory(memory):
    data = bytes(memory.bytes)
    used = data.rstrip(bytes([FILL]))
    return f"{len(data)}:{used.hex()}"


def max_flat(mode):
    return D.MAX_FLAT_PARAMS if mode == "p" else D.MAX_FLAT_RESULTS


def window_types(cx, mode, t):
    """The core types in the window that lifting reads."""
    flat = D.flatten_types([t], cx.opts)
    return flat if len(flat) <= max_flat(mode) else [cx.opts.memory.ptr_type()]


RETURN_AREA = 8


def lower(cx, mode, t, v):
    """Lowers; answers the window and its types as lifting reads them."""
    flat_types = window_types(cx, mode, t)
    if mode == "p":
        return D.lower_flat_values(cx, D.MAX_FLAT_PARAMS, [v], [t]), flat_types
    out = D.CoreValueIter([RETURN_AREA])
    flat = D.lower_flat_values(cx, D.MAX_FLAT_RESULTS, [v], [t], out)
    return flat or [RETURN_AREA], flat_types


def new_context(t, source=None):
    encoding, pointer = RANDOM.choice(ENCODINGS), RANDOM.choice([32, 32, 64])
    if source is not None and source.opts.string_encoding == "latin1+utf16":
        # definitions.py reads the source's tag bit where the destination has it.
        pointer = source.pointer
    probe = D.MemInst(bytearray(), "i64" if pointer == 64 else "i32")
    base = RETURN_AREA + D.elem_size(t, probe.ptr_type())
    size = base + RANDOM.choice([16, 200, 400, 800, 3000])
    return Context(encoding, pointer, size, base)


def options(cx):
    return f"{cx.opts.string_encoding} {cx.pointer}"


def mutate(cx, flat_types, flat):
    """Breaks a little of what was lowered."""
    flat = list(flat)
    memory = cx.opts.memory
    for _ in range(RANDOM.randint(1, 3)):
        if flat and RANDOM.random() < 0.5:
            i = RANDOM.randrange(len(flat))
            if flat_types[i] in ("i32", "i64"):
                bits = 32 if flat_types[i] == "i32" else 64
                flat[i] = RANDOM.choice([0, 1, 2, 3, 0xD800, (1 << bits) - 1, RANDOM.getrandbits(bits),
                                         flat[i] ^ 1, (flat[i] + 1) % (1 << bits)])
        elif cx.next > RETURN_AREA:
            i = RANDOM.randrange(RETURN_AREA, min(cx.next, len(memory)))
            memory[i] = RANDOM.choice([0, 1, 0xFF, 0xD8, memory[i] ^ 1, RANDOM.getrandbits(8)])
    return flat


def attempt(f):
    try:
        return f()
    except D.Trap:
        return None


def handles(cx):
    return ",".join(str(h.rep) if h else "-" for h in cx.inst.handles.array[1:]) or "-"


def main():
    done = 0
    while done < COUNT:
        t = random_type(RANDOM.choice([0, 1, 2, 3]))
        if len(show_type(t)) > 200:
            continue
        mode, v, cx = RANDOM.choice("ppr"), random_value(t), new_context(t)
        shape = show_type(t)
        layout = [f"{D.elem_size(t, p)}/{D.alignment(t, p)}/" + "".join({'i32': 'i', 'i64': 'I', 'f32': 'f', 'f64': 'F'}[x] for x in
                  D.flatten_type(t, D.LiftOptions(memory=D.MemInst(bytearray(), p)))) for p in ("i32", "i64")]
        print("layout", shape, *layout)
        before = cx.next
        lowered = attempt(lambda: lower(cx, mode, t, v))
        head = f"{mode} {shape} {options(cx)} {before}"
        done += 1
        if lowered is None:
            print("lower", head, show_value(t, v), len(cx.opts.memory), "trap")
            continue
        flat, flat_types = lowered
        print("lower", head, show_value(t, v), show_flat(flat_types, flat), show_memory(cx.opts.memory))

        broken = RANDOM.random() < 0.6
        floats = "f32" in shape or "f64" in shape
        if broken:
            flat = mutate(cx, flat_types, flat)
        source = f"{mode} {shape} {options(cx)} {show_flat(flat_types, flat)} {show_memory(cx.opts.memory)} {handles(cx)}"
        lifted = attempt(lambda: D.lift_flat_values(cx, max_flat(mode), D.CoreValueIter(flat), [t]))
        print("lift", source, "trap" if lifted is None else show_value(t, lifted[0]))
        if broken and floats:
            continue  # A transfer may keep the bits of a NaN, the oracle makes them canonical.
        to = new_context(t, cx)
        before = to.next
        moved = None if lifted is None else attempt(lambda: lower(to, mode, t, lifted[0]))
        result = f"{len(to.opts.memory)} trap" if moved is None else f"{show_flat(moved[1], moved[0])} {show_memory(to.opts.memory)}"
        print("move", source, options(to), before, result)


main()
