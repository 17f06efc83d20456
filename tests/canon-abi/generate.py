"""Writes test vectors for canon-abi with the specification's definitions.py.

    python3 generate.py DEFINITIONS SEED COUNT > vectors.txt

DEFINITIONS is the path of definitions.py; it ships with the crate wasm-tools
(tests/component-model/design/mvp/canonical-abi). Python 3.11 or newer. The same
seed gives the same vectors. What a line means is said in the suite
canonical_abi, which runs this and reads what it writes.
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


class Lender(D.Subtask):
    """As much of a call as lifting borrows needs."""

    def __init__(self):
        pass

    def add_lender(self, handle):
        handle.num_lends += 1


class Borrower(D.Task):
    """As much of a call as lowering borrows needs."""

    def __init__(self):
        self.num_borrows = 0


class Context(D.LiftLowerContext):
    """A guest whose realloc never frees."""

    def __init__(self, encoding, pointer, size, base, skew):
        memory = D.MemInst(bytearray([FILL] * size), "i64" if pointer == 64 else "i32")
        opts = D.LiftLowerOptions(encoding, memory)
        super().__init__(opts, Instance())
        self.next = base
        self.skew = skew
        self.pointer = pointer

    def reallocate(self, old, old_size, alignment, new_size):
        if new_size <= old_size:
            return old
        at = D.align_to(self.next, alignment) + self.skew
        self.next = at + new_size
        memory = self.opts.memory
        if old_size > 0 and at + old_size <= len(memory):
            memory[at:at + old_size] = memory[old:old + old_size]
        return at


RESOURCES = [D.ResourceType(None), D.ResourceType(None)]
KEYS = ["bool", "char", "string"] + list(INTS)


def random_type(depth):
    leaf = depth == 0 or RANDOM.random() < 0.35
    if leaf:
        kind = RANDOM.choice(["int"] * 4 + ["string"] * 2 + ["bool", "f32", "f64", "char", "enum", "flags", "own", "borrow"])
    else:
        kind = RANDOM.choice(["list", "record", "tuple", "variant", "option", "result", "fixed", "map"])
    inner = lambda: random_type(depth - 1)
    maybe = lambda: None if RANDOM.random() < 0.3 else inner()
    names = lambda n: [f"n{i}" for i in range(n)]
    return make_type(kind, inner, maybe, names)


def make_type(kind, inner=None, maybe=None, names=None):
    match kind:
        case "int": return INTS[RANDOM.choice(list(INTS))][0]()
        case "bool": return D.BoolType()
        case "f32": return D.F32Type()
        case "f64": return D.F64Type()
        case "char": return D.CharType()
        case "string": return D.StringType()
        case "own": return D.OwnType(RANDOM.choice(RESOURCES))
        case "borrow": return D.BorrowType(RANDOM.choice(RESOURCES))
        case "enum": return D.EnumType(names(RANDOM.choice([1, 2, 3, 7, 256, 257])))
        case "flags": return D.FlagsType(names(RANDOM.choice([1, 3, 8, 9, 16, 17, 31, 32])))
        case "list": return D.ListType(inner())
        case "fixed": return D.ListType(inner(), RANDOM.choice([1, 2, 3, 5]))
        case "map": return D.MapType(make_type(RANDOM.choice(KEYS)), inner())
        case "record": return D.RecordType([D.FieldType(n, inner()) for n in names(RANDOM.randint(1, 5))])
        case "tuple": return D.TupleType([inner() for _ in range(RANDOM.randint(1, 4))])
        case "variant": return D.VariantType([D.CaseType(n, maybe()) for n in names(RANDOM.randint(1, 4))])
        case "option": return D.OptionType(inner())
        case "result": return D.ResultType(maybe(), maybe())
        case _: return INTS[kind][0]()


def show_type(t):
    maybe = lambda t: "_" if t is None else show_type(t)
    commas = lambda ts: ",".join(maybe(t) for t in ts)
    match t:
        case D.BoolType(): return "bool"
        case D.F32Type(): return "f32"
        case D.F64Type(): return "f64"
        case D.CharType(): return "char"
        case D.StringType(): return "string"
        case D.OwnType(rt): return f"own({RESOURCES.index(rt)})"
        case D.BorrowType(rt): return f"borrow({RESOURCES.index(rt)})"
        case D.EnumType(labels): return f"enum({len(labels)})"
        case D.FlagsType(labels): return f"flags({len(labels)})"
        case D.ListType(e, None): return f"list({show_type(e)})"
        case D.ListType(e, n): return f"fixed({show_type(e)},{n})"
        case D.MapType(k, v): return f"map({show_type(k)},{show_type(v)})"
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
    # Long runs of ASCII take other ways, and end anywhere.
    if RANDOM.random() < 0.2:
        text = "sixteen of ascii" * RANDOM.choice([1, 1, 2, 5, 9]) + text
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
        case D.OwnType() | D.BorrowType(): return RANDOM.getrandbits(RANDOM.choice([32, 64]))
        case D.EnumType(labels): return {RANDOM.choice(labels): None}
        case D.FlagsType(labels): return {l: RANDOM.random() < 0.5 for l in labels}
        case D.ListType(e, None): return [random_value(e) for _ in range(RANDOM.choice([0, 1, 2, 3, 4]))]
        case D.ListType(e, n): return [random_value(e) for _ in range(n)]
        case D.MapType(_, _): return random_value(D.despecialize(t))
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
        case D.OwnType() | D.BorrowType(): return str(v)
        case D.EnumType(_) | D.VariantType(_) | D.OptionType(_) | D.ResultType(_, _):
            return case(D.despecialize(t).cases)
        case D.FlagsType(labels): return str(D.pack_flags_into_int(v, labels))
        case D.ListType(e): return "[" + ",".join(show_value(e, x) for x in v) + "]"
        case D.MapType(_, _): return show_value(D.despecialize(t), v)
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
    cx.borrow_scope = Borrower()
    if mode == "p":
        return D.lower_flat_values(cx, D.MAX_FLAT_PARAMS, [v], [t]), flat_types
    out = D.CoreValueIter([RETURN_AREA])
    flat = D.lower_flat_values(cx, D.MAX_FLAT_RESULTS, [v], [t], out)
    return flat or [RETURN_AREA], flat_types


def new_context(t):
    encoding, pointer = RANDOM.choice(ENCODINGS), RANDOM.choice([32, 32, 64])
    probe = D.MemInst(bytearray(), "i64" if pointer == 64 else "i32")
    base = RETURN_AREA + D.elem_size(t, probe.ptr_type())
    size = base + RANDOM.choice([16, 200, 400, 800, 3000])
    # Now and then `realloc` answers what is not aligned.
    return Context(encoding, pointer, size, base, 1 if RANDOM.random() < 0.02 else 0)


def retag(v, source, target):
    """Moves the tag of strings to where the destination has it.

    definitions.py keeps the length of a lifted string as the source tagged it,
    and reads the tag where the destination's pointer size has it.
    """
    tags = [D.utf16_tag(cx.opts.memory.ptr_type()) for cx in (source, target)]
    match v:
        case (text, "latin1+utf16", units) if units & tags[0]:
            return (text, "latin1+utf16", units ^ tags[0] | tags[1])
        case list(): return [retag(x, source, target) for x in v]
        case dict(): return {label: retag(x, source, target) for label, x in v.items()}
        case _: return v


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
                top = 1 << bits
                flat[i] = RANDOM.choice([0, 1, 2, 3, 0xD800, top - 1, top // 2, top // 2 + 1, len(memory),
                                         RANDOM.getrandbits(bits), flat[i] ^ 1, flat[i] ^ (top // 2),
                                         (flat[i] + 1) % top, (flat[i] + 0x1_0000_0000) % top])
        elif cx.next > RETURN_AREA:
            i = RANDOM.randrange(RETURN_AREA, min(cx.next, len(memory)))
            memory[i] = RANDOM.choice([0, 1, 0xFF, 0xD8, 0xDC, memory[i] ^ 1, memory[i] ^ 0x80, RANDOM.getrandbits(8)])
    held = cx.inst.handles.array[1:]
    if held and RANDOM.random() < 0.5:
        handle = RANDOM.choice(held)
        handle.rt, handle.own = RANDOM.choice(RESOURCES), RANDOM.random() < 0.5
    return flat


def attempt(f):
    try:
        return f()
    except D.Trap:
        return None


def show_handles(cx):
    show = lambda h: f"{'o' if h.own else 'b'}{RESOURCES.index(h.rt)}:{h.rep}" if h else "-"
    return ",".join(map(show, cx.inst.handles.array[1:])) or "-"


def show_layout(t, pointer):
    letters = {"i32": "i", "i64": "I", "f32": "f", "f64": "F"}
    flat = D.flatten_type(t, D.LiftOptions(memory=D.MemInst(bytearray(), pointer)))
    return f"{D.elem_size(t, pointer)}/{D.alignment(t, pointer)}/" + "".join(letters[x] for x in flat)


def show_next(cx):
    return f"{cx.next}+{cx.skew}"


def lift(cx, mode, t, flat):
    cx.borrow_scope = Lender()
    return D.lift_flat_values(cx, max_flat(mode), D.CoreValueIter(flat), [t])


def vectors(t, shape):
    """The lines of one value: its layout, lowered, lifted again, and moved."""
    mode = RANDOM.choice("ppr")
    if "borrow" in shape:
        mode = "p"
    v, cx = random_value(t), new_context(t)
    print("layout", shape, *(show_layout(t, pointer) for pointer in ("i32", "i64")))
    head = f"{mode} {shape} {options(cx)} {show_next(cx)} {show_value(t, v)}"
    lowered = attempt(lambda: lower(cx, mode, t, v))
    if lowered is None:
        print("lower", head, len(cx.opts.memory), "trap")
        return
    flat, flat_types = lowered
    print("lower", head, show_flat(flat_types, flat), show_memory(cx.opts.memory))

    broken = RANDOM.random() < 0.6
    if broken:
        flat = mutate(cx, flat_types, flat)
    source = f"{mode} {shape} {options(cx)} {show_flat(flat_types, flat)} {show_memory(cx.opts.memory)} {show_handles(cx)}"
    lifted = attempt(lambda: lift(cx, mode, t, flat))
    print("lift", source, "trap" if lifted is None else show_value(t, lifted[0]))
    if broken and ("f32" in shape or "f64" in shape):
        return  # A transfer may keep the bits of a NaN, the oracle makes them canonical.
    to = new_context(t)
    before = show_next(to)
    moved = None if lifted is None else attempt(lambda: lower(to, mode, t, retag(lifted[0], cx, to)))
    result = f"{len(to.opts.memory)} trap" if moved is None else f"{show_flat(moved[1], moved[0])} {show_memory(to.opts.memory)}"
    print("move", source, options(to), before, result)


def main():
    done = 0
    while done < COUNT:
        t = random_type(RANDOM.choice([0, 1, 2, 3]))
        shape = show_type(t)
        if len(shape) <= 200:
            vectors(t, shape)
            done += 1


main()
