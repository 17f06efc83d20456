//! Random programs, run by the engine and by an evaluator of thirty lines
//! that knows nothing of slots, accumulators and fused instructions.
//!
//! Programs are trees; each is printed as text for the engine and evaluated
//! as it stands. They end: loops count down a local that nothing else
//! writes. They do not trap: addresses are sums of bytes.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;

use linkspan_engine::{Config, DispatchMode, Engine, Instance, Module, Store, Val};

/// A generator of numbers (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from((self.next() >> 20) % n as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    I32,
    I64,
    F64,
    V128,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F64 => "f64",
            Type::V128 => "v128",
        }
    }
}

/// Locals by number: bytes first, then three of each type, then counters.
const BYTES: usize = 2;
const PLAIN: usize = 12;
const COUNTERS: usize = 4;
const LOCALS: usize = BYTES + PLAIN + COUNTERS;

fn type_of(local: usize) -> Type {
    match local {
        5..=7 => Type::I64,
        8..=10 => Type::F64,
        11..=13 => Type::V128,
        _ => Type::I32,
    }
}

fn locals_of(ty: Type) -> &'static [usize] {
    match ty {
        Type::I32 => &[2, 3, 4],
        Type::I64 => &[5, 6, 7],
        Type::F64 => &[8, 9, 10],
        Type::V128 => &[11, 12, 13],
    }
}

/// A value of any type.
type Bits = u128;

/// An expression; every value is carried as its bits.
#[derive(Debug)]
enum Expr {
    Const(Type, Bits),
    Local(usize),
    Tee(usize, Box<Expr>),
    Op(&'static str, Type, Vec<Expr>),
    /// An operator with a vector as an operand or result, as it is written.
    Vector(&'static str, Vec<Expr>),
    Load(&'static str, Box<Expr>),
    Select(Box<[Expr; 3]>),
    If(Type, Box<[Expr; 3]>),
    Call(Box<[Expr; 2]>),
    /// A call that throws an exception with the tag if the first operand is
    /// less than the second.
    CallOrThrow(usize, Box<[Expr; 2]>),
    /// The value, or what an exception with the tag carries.
    Try(usize, Box<Expr>),
}

#[derive(Debug)]
enum Stmt {
    Set(usize, Expr),
    Byte(usize, Expr),
    Store(&'static str, Expr, Expr),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// Leaves early if the condition holds.
    Block(Vec<Stmt>, Expr, Vec<Stmt>),
    /// Counts a counter from the first number by the second up to the third.
    Loop(usize, [i32; 3], &'static str, Vec<Stmt>),
    Swap(usize, usize),
    /// Throws if the condition holds, here or in a callee.
    Throw(usize, Expr, Expr, bool),
    /// A body, and handlers for exceptions with the tag, whose payload goes
    /// to the local, and for all others if there is one.
    Try(Vec<Stmt>, usize, usize, Vec<Stmt>, Option<Vec<Stmt>>),
}

/// What was thrown: the tag and the payload.
type Thrown = (usize, Bits);

/// Tags, each of which carries an `i64`.
const TAGS: usize = 3;

const I32_OPS: &[&str] = &[
    "add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr", "add", "xor",
];
const COMPARES: &[&str] = &[
    "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u",
];
const FLOAT_OPS: &[&str] = &["add", "sub", "mul", "div", "min", "max"];
const FLOAT_COMPARES: &[&str] = &["eq", "ne", "lt", "gt", "le", "ge"];

/// Operators that make vectors, with the types of their operands.
const VECTOR_OPS: &[(&str, &[Type])] = &[
    ("i8x16.add", &[Type::V128, Type::V128]),
    ("i32x4.sub", &[Type::V128, Type::V128]),
    ("i16x8.mul", &[Type::V128, Type::V128]),
    ("i64x2.eq", &[Type::V128, Type::V128]),
    ("v128.xor", &[Type::V128, Type::V128]),
    ("v128.not", &[Type::V128]),
    ("v128.bitselect", &[Type::V128, Type::V128, Type::V128]),
    ("i8x16.swizzle", &[Type::V128, Type::V128]),
    ("i32x4.shl", &[Type::V128, Type::I32]),
    ("i8x16.shr_u", &[Type::V128, Type::I32]),
    ("i64x2.extend_low_i32x4_s", &[Type::V128]),
    ("i32x4.splat", &[Type::I32]),
    ("i8x16.splat", &[Type::I32]),
    ("i64x2.splat", &[Type::I64]),
    ("i16x8.replace_lane 5", &[Type::V128, Type::I32]),
    ("i64x2.replace_lane 1", &[Type::V128, Type::I64]),
    (
        "i8x16.shuffle 4 5 6 7 28 29 30 31 0 1 2 3 16 17 18 19",
        &[Type::V128, Type::V128],
    ),
    (
        "i8x16.shuffle 1 0 30 7 8 9 5 3 20 19 18 17 2 2 31 6",
        &[Type::V128, Type::V128],
    ),
];

/// Operators on vectors that make a number.
const LANE_OPS: &[(&str, Type)] = &[
    ("i32x4.extract_lane 2", Type::I32),
    ("i8x16.extract_lane_s 9", Type::I32),
    ("i16x8.bitmask", Type::I32),
    ("v128.any_true", Type::I32),
    ("i64x2.extract_lane 1", Type::I64),
    ("i64x2.extract_lane 0", Type::I64),
];

struct Generator(Random);

impl Generator {
    fn constant(&mut self, ty: Type) -> Expr {
        let bits = match self.0.below(4) {
            0 => self.0.next(),
            1 => self.0.next() | 1 << 63 | 1 << 31,
            _ => self.0.next() % 40,
        };
        let bits = Bits::from(bits);
        Expr::Const(
            ty,
            match ty {
                Type::I32 => bits & 0xffff_ffff,
                Type::I64 => bits,
                Type::F64 => (self.0.below(9) as f64 - 4.0).to_bits().into(),
                Type::V128 => bits | Bits::from(self.0.next()) << 64,
            },
        )
    }

    fn address(&mut self, depth: usize) -> Expr {
        let byte = |g: &mut Generator| match g.0.below(3) {
            0 => Expr::Op(
                "and",
                Type::I32,
                vec![g.expr(Type::I32, depth), Expr::Const(Type::I32, 0xff)],
            ),
            _ => Expr::Local(g.0.below(BYTES)),
        };
        let first = byte(self);
        match self.0.below(4) {
            0 => first,
            1 => Expr::Const(Type::I32, (self.0.next() % 512).into()),
            2 => Expr::Op(
                "add",
                Type::I32,
                vec![first, Expr::Const(Type::I32, (self.0.next() % 256).into())],
            ),
            _ => {
                let second = byte(self);
                Expr::Op("add", Type::I32, vec![first, second])
            }
        }
    }

    fn expr(&mut self, ty: Type, depth: usize) -> Expr {
        if depth == 0 {
            return match self.0.below(3) {
                0 => self.constant(ty),
                _ => Expr::Local(self.0.pick(locals_of(ty))),
            };
        }
        let depth = depth - 1;
        match self.0.below(14) {
            0 => self.constant(ty),
            1 => Expr::Local(self.0.pick(locals_of(ty))),
            2 => Expr::Tee(self.0.pick(locals_of(ty)), Box::new(self.expr(ty, depth))),
            3 => {
                let op = match ty {
                    Type::I32 => {
                        self.0
                            .pick(&["i32.load", "i32.load8_s", "i32.load8_u", "i32.load16_s"])
                    }
                    Type::I64 => {
                        self.0
                            .pick(&["i64.load", "i64.load8_s", "i64.load32_u", "i64.load32_s"])
                    }
                    Type::F64 if self.0.below(2) == 0 => return self.convert(depth),
                    Type::F64 => "f64.load",
                    Type::V128 => {
                        self.0
                            .pick(&["v128.load", "v128.load32_splat", "v128.load8x8_u"])
                    }
                };
                Expr::Load(op, Box::new(self.address(depth)))
            }
            4 => Expr::Select(Box::new([
                self.expr(ty, depth),
                self.expr(ty, depth),
                self.condition(depth),
            ])),
            5 => Expr::If(
                ty,
                Box::new([
                    self.condition(depth),
                    self.expr(ty, depth),
                    self.expr(ty, depth),
                ]),
            ),
            6 if ty == Type::I32 => self.condition(depth),
            9 if LANE_OPS.iter().any(|(_, lane)| *lane == ty) => self.lane(ty, depth),
            7.. if ty == Type::V128 => self.vector(depth),
            7 if ty == Type::I32 => {
                Expr::Op("wrap_i64", Type::I32, vec![self.expr(Type::I64, depth)])
            }
            7 if ty == Type::I64 => {
                let op = self.0.pick(&["extend_i32_s", "extend_i32_u"]);
                Expr::Op(op, Type::I64, vec![self.expr(Type::I32, depth)])
            }
            8 if ty == Type::I64 => {
                Expr::Call(Box::new([self.expr(ty, depth), self.expr(ty, depth)]))
            }
            9 | 10 if ty == Type::I64 => self.throwing(depth),
            _ => {
                let op = match ty {
                    Type::I32 | Type::I64 => self.0.pick(I32_OPS),
                    Type::F64 => self.0.pick(FLOAT_OPS),
                    Type::V128 => return self.vector(depth),
                };
                Expr::Op(op, ty, vec![self.expr(ty, depth), self.expr(ty, depth)])
            }
        }
    }

    fn vector(&mut self, depth: usize) -> Expr {
        let (op, operands) = self.0.pick(VECTOR_OPS);
        let operands = operands.iter().map(|ty| self.expr(*ty, depth)).collect();
        Expr::Vector(op, operands)
    }

    /// A number that an operator makes of a vector.
    fn lane(&mut self, ty: Type, depth: usize) -> Expr {
        let mut ops = LANE_OPS.iter().filter(|(_, lane)| *lane == ty);
        let count = ops.clone().count();
        let (op, _) = ops.nth(self.0.below(count)).unwrap();
        Expr::Vector(op, vec![self.expr(Type::V128, depth)])
    }

    /// An expression of type `i64` that may throw, or that catches.
    fn throwing(&mut self, depth: usize) -> Expr {
        let tag = self.0.below(TAGS);
        let kind = self.0.below(8);
        if kind > 3 {
            return Expr::Try(tag, Box::new(self.expr(Type::I64, depth)));
        }
        let operands = [self.expr(Type::I64, depth), self.expr(Type::I64, depth)];
        let call = Expr::CallOrThrow(tag, Box::new(operands));
        // Most are caught close by, or little else would run.
        match kind {
            0 => call,
            _ => Expr::Try(tag, Box::new(call)),
        }
    }

    fn convert(&mut self, depth: usize) -> Expr {
        Expr::Op(
            "convert_i32_s",
            Type::F64,
            vec![self.expr(Type::I32, depth)],
        )
    }

    fn condition(&mut self, depth: usize) -> Expr {
        let ty = self.0.pick(&[Type::I32, Type::I64, Type::F64, Type::I32]);
        let depth = depth.saturating_sub(1);
        let op = match ty {
            Type::I32 | Type::I64 if self.0.below(5) == 0 => {
                return Expr::Op("eqz", ty, vec![self.expr(ty, depth)]);
            }
            Type::I32 | Type::I64 => self.0.pick(COMPARES),
            Type::F64 | Type::V128 => self.0.pick(FLOAT_COMPARES),
        };
        let compare = Expr::Op(op, ty, vec![self.expr(ty, depth), self.expr(ty, depth)]);
        match self.0.below(4) {
            0 => Expr::Op("eqz", Type::I32, vec![compare]),
            _ => compare,
        }
    }

    fn body(&mut self, depth: usize) -> Vec<Stmt> {
        (0..1 + self.0.below(4)).map(|_| self.stmt(depth)).collect()
    }

    fn stmt(&mut self, depth: usize) -> Stmt {
        let ty = self.0.pick(&[Type::I32, Type::I64, Type::F64, Type::V128]);
        let size = 1 + self.0.below(3);
        match self.0.below(if depth == 0 { 7 } else { 13 }) {
            0 => Stmt::Byte(self.0.below(BYTES), self.expr(Type::I32, size)),
            1 => {
                let (op, ty) = self.0.pick(&[
                    ("i32.store", Type::I32),
                    ("i32.store8", Type::I32),
                    ("i64.store", Type::I64),
                    ("i64.store32", Type::I64),
                    ("v128.store", Type::V128),
                ]);
                Stmt::Store(op, self.address(1), self.expr(ty, size))
            }
            2 => Stmt::Swap(self.0.pick(locals_of(ty)), self.0.pick(locals_of(ty))),
            6 => Stmt::Throw(
                self.0.below(TAGS),
                self.condition(size),
                self.expr(Type::I64, size),
                self.0.below(2) == 0,
            ),
            7 => Stmt::If(
                self.condition(size),
                self.body(depth - 1),
                self.body(depth - 1),
            ),
            8 => Stmt::Block(
                self.body(depth - 1),
                self.condition(size),
                self.body(depth - 1),
            ),
            9 | 10 => {
                let counter = BYTES + PLAIN + depth;
                let (numbers, op) = self.0.pick(&[
                    ([3, -1, 0], "ne"),
                    ([0, 1, 4], "ne"),
                    ([0, 2, 7], "lt_u"),
                    ([-3, 1, 2], "lt_s"),
                    ([9, -4, 0], "gt_s"),
                ]);
                Stmt::Loop(counter, numbers, op, self.body(depth - 1))
            }
            11 | 12 => {
                let all = self.0.below(2) == 0;
                Stmt::Try(
                    self.body(depth - 1),
                    self.0.below(TAGS),
                    self.0.pick(locals_of(Type::I64)),
                    self.body(depth - 1),
                    all.then(|| self.body(depth - 1)),
                )
            }
            _ => Stmt::Set(self.0.pick(locals_of(ty)), self.expr(ty, size)),
        }
    }
}

/// Prints expressions and statements.
fn print_expr(out: &mut String, expr: &Expr) {
    match expr {
        Expr::Const(Type::F64, bits) => {
            write!(out, "(f64.const {:?})", f64::from_bits(*bits as u64)).unwrap();
        }
        Expr::Const(Type::V128, bits) => {
            let (low, high) = (*bits as u64, (*bits >> 64) as u64);
            write!(out, "(v128.const i64x2 {low} {high})").unwrap();
        }
        Expr::Const(ty, bits) => write!(out, "({}.const {bits})", ty.name()).unwrap(),
        Expr::Local(local) => write!(out, "(local.get {local})").unwrap(),
        Expr::Tee(local, value) => print_node(out, &format!("local.tee {local}"), [&**value]),
        Expr::Op(op, ty, operands) => print_node(out, &format!("{}.{op}", ty.name()), operands),
        Expr::Vector(op, operands) => print_node(out, op, operands),
        Expr::Load(op, address) => print_node(out, op, [&**address]),
        Expr::Select(operands) => print_node(out, "select", operands.iter()),
        Expr::Call(operands) => print_node(out, "call $f", operands.iter()),
        Expr::CallOrThrow(tag, operands) => {
            print_node(out, &format!("call $or_throw{tag}"), operands.iter());
        }
        Expr::Try(tag, value) => {
            write!(out, "(block $caught (result i64) ").unwrap();
            write!(out, "(try_table (result i64) (catch {tag} $caught) ").unwrap();
            print_expr(out, value);
            out.push_str("))");
        }
        Expr::If(ty, parts) => {
            write!(out, "(if (result {}) ", ty.name()).unwrap();
            print_expr(out, &parts[0]);
            out.push_str("(then ");
            print_expr(out, &parts[1]);
            out.push_str(") (else ");
            print_expr(out, &parts[2]);
            out.push_str("))");
        }
    }
}

fn print_node<'e>(out: &mut String, op: &str, operands: impl IntoIterator<Item = &'e Expr>) {
    write!(out, "({op}").unwrap();
    for operand in operands {
        out.push(' ');
        print_expr(out, operand);
    }
    out.push(')');
}

fn print_all(out: &mut String, stmts: &[Stmt]) {
    for stmt in stmts {
        print_stmt(out, stmt);
        out.push('\n');
    }
}

fn print_stmt(out: &mut String, stmt: &Stmt) {
    match stmt {
        Stmt::Set(local, value) => print_node(out, &format!("local.set {local}"), [value]),
        Stmt::Byte(local, value) => {
            write!(out, "(local.set {local} (i32.and (i32.const 255) ").unwrap();
            print_expr(out, value);
            out.push_str("))");
        }
        Stmt::Store(op, address, value) => print_node(out, op, [address, value]),
        Stmt::Swap(a, b) => {
            write!(
                out,
                "local.get {a} local.get {b} local.set {a} local.set {b}"
            )
            .unwrap();
        }
        Stmt::If(cond, then, other) => {
            out.push_str("(if ");
            print_expr(out, cond);
            out.push_str("(then ");
            print_all(out, then);
            out.push_str(") (else ");
            print_all(out, other);
            out.push_str("))");
        }
        Stmt::Block(first, cond, rest) => {
            out.push_str("(block ");
            print_all(out, first);
            print_node(out, "br_if 0", [cond]);
            print_all(out, rest);
            out.push(')');
        }
        Stmt::Throw(tag, cond, value, here) => {
            if *here {
                out.push_str("(if ");
                print_expr(out, cond);
                out.push_str("(then ");
                print_node(out, &format!("throw {tag}"), [value]);
                out.push_str("))");
            } else {
                print_node(out, &format!("call $throw{tag}"), [cond, value]);
            }
        }
        Stmt::Try(body, tag, local, handler, all) => {
            print_try(out, body, (*tag, *local), handler, all.as_deref());
        }
        Stmt::Loop(counter, [from, by, to], op, body) => {
            write!(out, "(local.set {counter} (i32.const {from})) (loop ").unwrap();
            print_all(out, body);
            let sum =
                format!("(local.tee {counter} (i32.add (local.get {counter}) (i32.const {by})))");
            // Comparing with zero is what compilers leave out.
            if *op == "ne" && *to == 0 {
                write!(out, "(br_if 0 {sum}))").unwrap();
            } else {
                write!(out, "(br_if 0 (i32.{op} {sum} (i32.const {to}))))").unwrap();
            }
        }
    }
}

/// A `try_table` in a block for each of its labels.
fn print_try(
    out: &mut String,
    body: &[Stmt],
    (tag, local): (usize, usize),
    handler: &[Stmt],
    all: Option<&[Stmt]>,
) {
    out.push_str("(block $done (block $caught (result i64) ");
    let mut clauses = format!("(catch {tag} $caught)");
    if all.is_some() {
        out.push_str("(block $all ");
        clauses.push_str("(catch_all $all)");
    }
    write!(out, "(try_table {clauses} ").unwrap();
    print_all(out, body);
    out.push_str(") (br $done)");
    if let Some(all) = all {
        out.push(')');
        print_all(out, all);
        out.push_str("(br $done)");
    }
    write!(out, ") (local.set {local}) ").unwrap();
    print_all(out, handler);
    out.push(')');
}

/// The evaluator's machine.
struct Machine {
    locals: [Bits; LOCALS],
    memory: [u8; 1024],
}

impl Machine {
    fn eval(&mut self, expr: &Expr) -> Result<Bits, Thrown> {
        Ok(match expr {
            Expr::Const(_, bits) => *bits,
            Expr::Local(local) => self.locals[*local],
            Expr::Tee(local, value) => {
                self.locals[*local] = self.eval(value)?;
                self.locals[*local]
            }
            Expr::Op(op, ty, operands) => {
                let a = self.eval(&operands[0])?;
                let b = operands.get(1).map_or(Ok(0), |b| self.eval(b))?;
                match ty {
                    Type::I32 => int32(op, a as u32, b as u32).into(),
                    Type::I64 => int64(op, a as u64, b as u64).into(),
                    Type::F64 => float(op, a as u64, b as u64).into(),
                    Type::V128 => unreachable!("{op}"),
                }
            }
            Expr::Vector(op, operands) => {
                let operands: Result<Vec<Bits>, Thrown> =
                    operands.iter().map(|o| self.eval(o)).collect();
                vector(op, &operands?)
            }
            Expr::Load(op, address) => {
                let at = self.eval(address)? as usize + 8;
                self.load(op, at)
            }
            Expr::Select(operands) => {
                let (a, b) = (self.eval(&operands[0])?, self.eval(&operands[1])?);
                if self.eval(&operands[2])? != 0 { a } else { b }
            }
            Expr::If(_, parts) => {
                let chosen = if self.eval(&parts[0])? != 0 { 1 } else { 2 };
                self.eval(&parts[chosen])?
            }
            Expr::Call(operands) => {
                let (a, b) = (self.eval(&operands[0])?, self.eval(&operands[1])?);
                let (a, b) = (a as u64, b as u64);
                let result = if a < b {
                    b.wrapping_sub(a)
                } else {
                    a.wrapping_mul(5) ^ b
                };
                result.into()
            }
            Expr::CallOrThrow(tag, operands) => {
                let (a, b) = (self.eval(&operands[0])?, self.eval(&operands[1])?);
                if (a as u64) < b as u64 {
                    return Err((*tag, b));
                }
                a ^ b
            }
            Expr::Try(tag, value) => match self.eval(value) {
                Err((thrown, payload)) if thrown == *tag => payload,
                result => result?,
            },
        })
    }

    fn load(&self, op: &str, at: usize) -> Bits {
        let bytes: [u8; 16] = self.memory[at..at + 16].try_into().unwrap();
        let vector = Bits::from_le_bytes(bytes);
        let bits = vector as u64;
        let number = match op {
            "v128.load" => return vector,
            "v128.load32_splat" => return lanes(32, |_| vector),
            "v128.load8x8_u" => return lanes(16, |i| vector >> (8 * i) & 0xff),
            "i32.load" | "i64.load32_u" => bits & 0xffff_ffff,
            "i32.load8_s" => u64::from(bits as i8 as u32),
            "i32.load8_u" => bits & 0xff,
            "i32.load16_s" => u64::from(bits as i16 as u32),
            "i64.load" | "f64.load" => bits,
            "i64.load8_s" => bits as i8 as u64,
            "i64.load32_s" => bits as i32 as u64,
            _ => unreachable!("{op}"),
        };
        number.into()
    }

    fn run(&mut self, stmts: &[Stmt]) -> Result<(), Thrown> {
        for stmt in stmts {
            match stmt {
                Stmt::Set(local, value) => self.locals[*local] = self.eval(value)?,
                Stmt::Byte(local, value) => self.locals[*local] = self.eval(value)? & 255,
                Stmt::Store(op, address, value) => {
                    let at = self.eval(address)? as usize + 8;
                    let bytes = self.eval(value)?.to_le_bytes();
                    let count = match *op {
                        "i32.store8" => 1,
                        "i64.store" => 8,
                        "v128.store" => 16,
                        _ => 4,
                    };
                    self.memory[at..at + count].copy_from_slice(&bytes[..count]);
                }
                Stmt::Throw(tag, cond, value, here) => {
                    let holds = self.eval(cond)? != 0;
                    // As an argument the value is made in any case.
                    if holds || !here {
                        let value = self.eval(value)?;
                        if holds {
                            return Err((*tag, value));
                        }
                    }
                }
                Stmt::Try(body, tag, local, handler, all) => match (self.run(body), all) {
                    (Err((thrown, payload)), _) if thrown == *tag => {
                        self.locals[*local] = payload;
                        self.run(handler)?;
                    }
                    (Err(_), Some(all)) => self.run(all)?,
                    (result, _) => result?,
                },
                Stmt::Swap(a, b) => self.locals.swap(*a, *b),
                Stmt::If(cond, then, other) => {
                    let holds = self.eval(cond)? != 0;
                    self.run(if holds { then } else { other })?;
                }
                Stmt::Block(first, cond, rest) => {
                    self.run(first)?;
                    if self.eval(cond)? == 0 {
                        self.run(rest)?;
                    }
                }
                Stmt::Loop(counter, [from, by, to], op, body) => {
                    self.locals[*counter] = from.cast_unsigned().into();
                    loop {
                        self.run(body)?;
                        let sum = (self.locals[*counter] as u32).wrapping_add(by.cast_unsigned());
                        self.locals[*counter] = sum.into();
                        if int32(op, sum, to.cast_unsigned()) == 0 {
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// A vector of lanes of so many bits.
fn lanes(width: usize, lane: impl Fn(usize) -> Bits) -> Bits {
    let mask = Bits::MAX >> (128 - width);
    (0..128 / width).fold(0, |all, i| all | (lane(i) & mask) << (i * width))
}

/// Lane by lane, as slowly as can be.
fn vector(op: &str, operands: &[Bits]) -> Bits {
    let (op, immediates) = op.split_once(' ').unwrap_or((op, ""));
    let indices: Vec<usize> = immediates
        .split_terminator(' ')
        .map(|index| index.parse().unwrap())
        .collect();
    let a = operands[0];
    let b = operands.get(1).copied().unwrap_or_default();
    let lane =
        |from: Bits, width: usize, i: usize| from >> (i * width) & (Bits::MAX >> (128 - width));
    let replace = |width: usize| {
        lanes(width, |i| {
            if i == indices[0] {
                b
            } else {
                lane(a, width, i)
            }
        })
    };
    match op {
        "i8x16.add" => lanes(8, |i| lane(a, 8, i) + lane(b, 8, i)),
        "i32x4.sub" => lanes(32, |i| lane(a, 32, i).wrapping_sub(lane(b, 32, i))),
        "i16x8.mul" => lanes(16, |i| lane(a, 16, i) * lane(b, 16, i)),
        "i64x2.eq" => lanes(64, |i| {
            if lane(a, 64, i) == lane(b, 64, i) {
                Bits::MAX
            } else {
                0
            }
        }),
        "v128.xor" => a ^ b,
        "v128.not" => !a,
        "v128.bitselect" => a & operands[2] | b & !operands[2],
        "i8x16.swizzle" => lanes(8, |i| match lane(b, 8, i) as usize {
            from @ ..16 => lane(a, 8, from),
            _ => 0,
        }),
        "i32x4.shl" => lanes(32, |i| lane(a, 32, i) << (b % 32)),
        "i8x16.shr_u" => lanes(8, |i| lane(a, 8, i) >> (b % 8)),
        "i64x2.extend_low_i32x4_s" => lanes(64, |i| lane(a, 32, i) as i32 as Bits),
        "i32x4.splat" => lanes(32, |_| a),
        "i8x16.splat" => lanes(8, |_| a),
        "i64x2.splat" => lanes(64, |_| a),
        "i16x8.replace_lane" => replace(16),
        "i64x2.replace_lane" => replace(64),
        "i8x16.shuffle" => lanes(8, |i| match indices[i] {
            from @ ..16 => lane(a, 8, from),
            from => lane(b, 8, from - 16),
        }),
        "i32x4.extract_lane" => lane(a, 32, indices[0]),
        "i64x2.extract_lane" => lane(a, 64, indices[0]),
        "i8x16.extract_lane_s" => Bits::from(lane(a, 8, indices[0]) as i8 as u32),
        "i16x8.bitmask" => (0..8).fold(0, |all, i| all | lane(a, 16, i) >> 15 << i),
        "v128.any_true" => Bits::from(a != 0),
        _ => unreachable!("{op}"),
    }
}

fn int32(op: &str, a: u32, b: u32) -> u64 {
    let (sa, sb) = (a as i32, b as i32);
    u64::from(match op {
        "add" => a.wrapping_add(b),
        "sub" => a.wrapping_sub(b),
        "mul" => a.wrapping_mul(b),
        "and" => a & b,
        "or" => a | b,
        "xor" => a ^ b,
        "shl" => a << (b % 32),
        "shr_s" => (sa >> (b % 32)) as u32,
        "shr_u" => a >> (b % 32),
        "rotl" => a.rotate_left(b % 32),
        "rotr" => a.rotate_right(b % 32),
        "wrap_i64" => a,
        "eqz" => u32::from(a == 0),
        _ => u32::from(compare(
            op,
            (i64::from(sa), i64::from(sb)),
            (u64::from(a), u64::from(b)),
        )),
    })
}

fn int64(op: &str, a: u64, b: u64) -> u64 {
    let k = (b % 64) as u32;
    match op {
        "add" => a.wrapping_add(b),
        "sub" => a.wrapping_sub(b),
        "mul" => a.wrapping_mul(b),
        "and" => a & b,
        "or" => a | b,
        "xor" => a ^ b,
        "shl" => a << k,
        "shr_s" => ((a as i64) >> k) as u64,
        "shr_u" => a >> k,
        "rotl" => a.rotate_left(k),
        "rotr" => a.rotate_right(k),
        "extend_i32_s" => a as i32 as u64,
        "extend_i32_u" => a & 0xffff_ffff,
        "eqz" => u64::from(a == 0),
        _ => u64::from(compare(op, (a as i64, b as i64), (a, b))),
    }
}

fn compare(op: &str, (sa, sb): (i64, i64), (a, b): (u64, u64)) -> bool {
    match op {
        "eq" => a == b,
        "ne" => a != b,
        "lt_s" => sa < sb,
        "lt_u" => a < b,
        "gt_s" => sa > sb,
        "gt_u" => a > b,
        "le_s" => sa <= sb,
        "le_u" => a <= b,
        "ge_s" => sa >= sb,
        "ge_u" => a >= b,
        _ => unreachable!("{op}"),
    }
}

fn float(op: &str, a: u64, b: u64) -> u64 {
    let (x, y) = (f64::from_bits(a), f64::from_bits(b));
    let extreme = |smaller: bool| {
        if x.is_nan() || y.is_nan() {
            f64::NAN
        } else if (x < y || (x == y && x.is_sign_negative())) == smaller {
            x
        } else {
            y
        }
    };
    let value = match op {
        "add" => x + y,
        "sub" => x - y,
        "mul" => x * y,
        "div" => x / y,
        "min" => extreme(true),
        "max" => extreme(false),
        "convert_i32_s" => f64::from(a as i32),
        "eq" => return u64::from(x == y),
        "ne" => return u64::from(x != y),
        "lt" => return u64::from(x < y),
        "gt" => return u64::from(x > y),
        "le" => return u64::from(x <= y),
        "ge" => return u64::from(x >= y),
        _ => unreachable!("{op}"),
    };
    value.to_bits()
}

fn print_module(stmts: &[Stmt]) -> String {
    let mut out = String::from("(module (memory (export \"m\") 1)\n");
    out.push_str(
        "(func $f (param i64 i64) (result i64) (if (i64.lt_u (local.get 0) (local.get 1)) \
         (then (return (i64.sub (local.get 1) (local.get 0))))) \
         (i64.xor (i64.mul (local.get 0) (i64.const 5)) (local.get 1)))\n",
    );
    for tag in 0..TAGS {
        write!(
            out,
            "(tag (param i64))
             (func $throw{tag} (param i32 i64)
               (if (local.get 0) (then (throw {tag} (local.get 1)))))
             (func $or_throw{tag} (param i64 i64) (result i64)
               (if (i64.lt_u (local.get 0) (local.get 1)) (then (throw {tag} (local.get 1))))
               (i64.xor (local.get 0) (local.get 1)))\n"
        )
        .unwrap();
    }
    out.push_str("(func (export \"run\") (result");
    let types = || (0..LOCALS).map(|local| type_of(local).name());
    types().for_each(|ty| write!(out, " {ty}").unwrap());
    out.push_str(") (local");
    types().for_each(|ty| write!(out, " {ty}").unwrap());
    out.push_str(")\n");
    // What every local starts with, as in `Machine::new`.
    for local in 0..BYTES + PLAIN {
        let ty = type_of(local).name();
        let shape = if ty == "v128" { "i64x2 0 " } else { "" };
        writeln!(
            out,
            "(local.set {local} ({ty}.const {shape}{}))",
            local * 7 + 1
        )
        .unwrap();
    }
    let mut body = String::new();
    print_all(&mut body, stmts);
    // Every access is eight bytes further, so that offsets are tried too.
    for access in [
        "load",
        "load8_s",
        "load8_u",
        "load16_s",
        "load32_s",
        "load32_u",
        "store",
        "store8",
        "store32",
        "load32_splat",
        "load8x8_u",
    ] {
        body = body.replace(&format!(".{access} "), &format!(".{access} offset=8 "));
    }
    writeln!(out, "(block $end (try_table (catch_all $end) {body}))").unwrap();
    (0..LOCALS).for_each(|local| write!(out, "(local.get {local})").unwrap());
    out.push_str("))");
    out
}

fn expected(stmts: &[Stmt]) -> Machine {
    let mut machine = Machine {
        locals: [0; LOCALS],
        memory: [0; 1024],
    };
    for local in 0..BYTES + PLAIN {
        let start = local as Bits * 7 + 1;
        machine.locals[local] = match type_of(local) {
            Type::I32 | Type::I64 => start,
            Type::F64 => (start as f64).to_bits().into(),
            Type::V128 => start << 64,
        };
    }
    // What nobody else catches, the program does.
    let _ = machine.run(stmts);
    machine
}

fn agree(engine: &Engine, text: &str, machine: &Machine) -> bool {
    let module = Module::new(engine, text).unwrap_or_else(|e| panic!("{e}: {text}"));
    let mut store: Store<()> = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let run = instance.get_func(&store, "run").unwrap();
    let mut results = [Val::I32(0); LOCALS];
    run.call(&mut store, &[], &mut results)
        .unwrap_or_else(|e| panic!("{e}: {text}"));
    let same = |(found, wanted): (&Val, &Bits)| match found {
        Val::I32(x) => x.cast_unsigned() == *wanted as u32,
        Val::I64(x) => x.cast_unsigned() == *wanted as u64,
        Val::F64(x) => {
            let wanted = *wanted as u64;
            *x == wanted || (f64::from_bits(*x).is_nan() && f64::from_bits(wanted).is_nan())
        }
        Val::V128(x) => x == wanted,
        _ => false,
    };
    let memory = instance.get_memory(&store, "m").unwrap();
    results.iter().zip(&machine.locals).all(same) && memory.data(&store)[..1024] == machine.memory
}

#[test]
fn random_programs_do_what_their_trees_say() {
    let engines = [DispatchMode::Auto, DispatchMode::Loop]
        .map(|mode| Engine::new(Config::new().dispatch(mode)).unwrap());
    for seed in 1..=400_u64 {
        let mut generator = Generator(Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let mut part = || {
            let body = generator.body(COUNTERS - 1);
            Stmt::Try(body, 0, 5, Vec::new(), Some(Vec::new()))
        };
        let stmts: Vec<Stmt> = (0..6).map(|_| part()).collect();
        let (text, machine) = (print_module(&stmts), expected(&stmts));
        for engine in &engines {
            assert!(agree(engine, &text, &machine), "seed {seed}:\n{text}");
        }
    }
}
