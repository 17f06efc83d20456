;; Recursive groups across modules: types are the same exactly if their groups
;; are, member for member, whatever they are called and wherever they stand.

(module $owner
  (rec
    (type $tree (struct (field $value i32) (field $kids (ref null $forest))))
    (type $forest (array (mut (ref null $tree)))))
  (type $leaf (func (param i32) (result (ref $tree))))
  (func (export "leaf") (type $leaf) (struct.new $tree (local.get 0) (ref.null $forest)))
  (func (export "node") (param i32) (param (ref null $tree)) (result (ref $tree))
    (struct.new $tree (local.get 0) (array.new_fixed $forest 2 (local.get 1) (ref.null $tree))))
  (func (export "any-leaf") (param i32) (result anyref) (struct.new $tree (local.get 0) (ref.null $forest)))
  (global (export "root") (mut (ref null $tree)) (struct.new $tree (i32.const 42) (ref.null $forest)))
  (table (export "trees") 2 4 (ref null $tree)))
(register "owner")

;; The same group behind others, under other names.
(module $same
  (type $unrelated (struct (field i64)))
  (type $other (func (param f32)))
  (rec
    (type $t (struct (field i32) (field (ref null $f))))
    (type $f (array (mut (ref null $t)))))
  (import "owner" "leaf" (func $leaf (param i32) (result (ref $t))))
  (import "owner" "node" (func $node (param i32) (param (ref null $t)) (result (ref $t))))
  (import "owner" "any-leaf" (func $any (param i32) (result anyref)))
  (import "owner" "root" (global $root (mut (ref null $t))))
  (import "owner" "trees" (table $trees 2 4 (ref null $t)))
  (func (export "value") (param i32) (result i32)
    (struct.get $t 0 (call $node (local.get 0) (call $leaf (i32.const 1)))))
  (func (export "kid") (param i32) (result i32)
    (struct.get $t 0
      (array.get $f
        (struct.get $t 1 (call $node (i32.const 1) (call $leaf (local.get 0))))
        (i32.const 0))))
  (func (export "cast") (param i32) (result i32)
    (struct.get $t 0 (ref.cast (ref $t) (call $any (local.get 0)))))
  (func (export "root") (result i32) (struct.get $t 0 (global.get $root)))
  (func (export "swap-root") (param i32)
    (table.set $trees (i32.const 0) (global.get $root))
    (global.set $root (struct.new $t (local.get 0) (ref.null $f))))
  (func (export "old-root") (result i32) (struct.get $t 0 (table.get $trees (i32.const 0)))))
(assert_return (invoke "value" (i32.const 7)) (i32.const 7))
(assert_return (invoke "kid" (i32.const 8)) (i32.const 8))
(assert_return (invoke "cast" (i32.const 9)) (i32.const 9))
(assert_return (invoke "root") (i32.const 42))
(invoke "swap-root" (i32.const 43))
(assert_return (invoke "root") (i32.const 43))
(assert_return (invoke "old-root") (i32.const 42))

;; The same members in another order are another group.
(assert_unlinkable
  (module
    (rec
      (type $f (array (mut (ref null $t))))
      (type $t (struct (field i32) (field (ref null $f)))))
    (import "owner" "leaf" (func (param i32) (result (ref $t)))))
  "incompatible import type")
;; One member more is another group.
(assert_unlinkable
  (module
    (rec
      (type $t (struct (field i32) (field (ref null $f))))
      (type $f (array (mut (ref null $t))))
      (type $more (struct)))
    (import "owner" "leaf" (func (param i32) (result (ref $t)))))
  "incompatible import type")
;; A field that may change is another field.
(assert_unlinkable
  (module
    (rec
      (type $t (struct (field (mut i32)) (field (ref null $f))))
      (type $f (array (mut (ref null $t)))))
    (import "owner" "leaf" (func (param i32) (result (ref $t)))))
  "incompatible import type")
;; Neither final nor alone: a type that may have subtypes is another type.
(assert_unlinkable
  (module
    (rec
      (type $t (sub (struct (field i32) (field (ref null $f)))))
      (type $f (array (mut (ref null $t)))))
    (import "owner" "root" (global (mut (ref null $t)))))
  "incompatible import type")
(assert_unlinkable
  (module
    (rec
      (type $t (struct (field i32) (field (ref null $f))))
      (type $f (array (mut (ref null $t)))))
    (import "owner" "trees" (table 2 4 (ref $t))))
  "incompatible import type")

;; At run time they differ as well.
(module
  (rec
    (type $f (array (mut (ref null $t))))
    (type $t (struct (field i32) (field (ref null $f)))))
  (type $alone (struct (field i32)))
  (import "owner" "any-leaf" (func $any (param i32) (result anyref)))
  (func (export "test") (result i32) (ref.test (ref $t) (call $any (i32.const 1))))
  (func (export "cast") (result i32) (struct.get $t 0 (ref.cast (ref $t) (call $any (i32.const 1)))))
  (func (export "alone") (result i32) (ref.test (ref $alone) (call $any (i32.const 1))))
  (func (export "struct") (result i32) (ref.test (ref struct) (call $any (i32.const 1)))))
(assert_return (invoke "test") (i32.const 0))
(assert_trap (invoke "cast") "cast failure")
(assert_return (invoke "alone") (i32.const 0))
(assert_return (invoke "struct") (i32.const 1))

;; A group that refers to an earlier one of the same shape is not that one.
(module
  (rec (type $a (struct (field (ref null $a)))))
  (rec (type $b (struct (field (ref null $a)))))
  (rec (type $c (struct (field (ref null $c)))))
  (func (export "a-is-b") (result i32) (ref.test (ref $b) (struct.new_default $a)))
  (func (export "a-is-c") (result i32) (ref.test (ref $c) (struct.new_default $a)))
  (func (export "b-is-c") (result i32) (ref.test (ref $c) (struct.new_default $b))))
(assert_return (invoke "a-is-b") (i32.const 0))
(assert_return (invoke "a-is-c") (i32.const 1))
(assert_return (invoke "b-is-c") (i32.const 0))

;; Subtypes of another module's type, across a table and a call.
(module $shapes
  (type $shape (sub (struct (field $id i32))))
  (type $circle (sub $shape (struct (field $id i32) (field $radius f64))))
  (table (export "shapes") 4 (ref null $shape))
  (func (export "id") (param (ref null $shape)) (result i32) (struct.get $shape $id (local.get 0)))
  (func (export "is-circle") (param i32) (result i32)
    (ref.test (ref $circle) (table.get 0 (local.get 0)))))
(register "shapes")
(module
  (type $shape (sub (struct (field $id i32))))
  (type $circle (sub $shape (struct (field $id i32) (field $radius f64))))
  (type $square (sub $shape (struct (field $id i32) (field $side f64))))
  (type $blob (sub $shape (struct (field $id i32) (field $area f32))))
  (import "shapes" "shapes" (table $shapes 4 (ref null $shape)))
  (import "shapes" "id" (func $id (param (ref null $shape)) (result i32)))
  (func (export "fill")
    (table.set $shapes (i32.const 0) (struct.new $circle (i32.const 1) (f64.const 2)))
    (table.set $shapes (i32.const 1) (struct.new $square (i32.const 2) (f64.const 2)))
    (table.set $shapes (i32.const 2) (struct.new $blob (i32.const 3) (f32.const 2))))
  (func (export "id") (param i32) (result i32)
    (call $id (table.get $shapes (local.get 0)))))
(invoke "fill")
(assert_return (invoke "id" (i32.const 0)) (i32.const 1))
(assert_return (invoke "id" (i32.const 2)) (i32.const 3))
(assert_trap (invoke "id" (i32.const 3)) "null structure reference")
(assert_return (invoke $shapes "is-circle" (i32.const 0)) (i32.const 1))
;; Structurally a square is a circle.
(assert_return (invoke $shapes "is-circle" (i32.const 1)) (i32.const 1))
(assert_return (invoke $shapes "is-circle" (i32.const 2)) (i32.const 0))
(assert_return (invoke $shapes "is-circle" (i32.const 3)) (i32.const 0))
