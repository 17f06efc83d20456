;; A pending `local.get` must keep the value it saw when the local is written
;; before the value is used.

(module
  (func (export "set-between") (param i32) (result i32)
    (i32.sub (local.get 0) (block (result i32) (local.set 0 (i32.const 100)) (local.get 0))))
  (func (export "tee-between") (param i32) (result i32)
    local.get 0
    local.get 0
    i32.const 1
    i32.add
    local.tee 0
    i32.mul
    local.get 0
    i32.add)
  (func (export "swap") (param i32 i32) (result i32 i32)
    local.get 0
    local.get 1
    local.set 0
    local.set 1
    local.get 0
    local.get 1)
  (func (export "rotate") (param i32 i64 i32) (result i32 i64 i32)
    (local i32)
    local.get 0
    local.get 2
    local.set 0
    local.set 2
    local.get 0
    local.get 1
    local.get 2)
  ;; The pending value crosses a label: it must be in its home on both paths.
  (func (export "across-if") (param i32 i32) (result i32)
    local.get 0
    (if (local.get 1) (then (local.set 0 (i32.const 7))))
    local.get 0
    i32.sub)
  (func (export "across-loop") (param i32) (result i32)
    (local i32)
    local.get 0
    loop
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (local.set 1 (i32.add (local.get 1) (i32.const 2)))
      (br_if 0 (local.get 0))
    end
    local.get 1
    i32.add)
  ;; Two pending reads of the local that a call's result overwrites.
  (func $seven (result i32) (i32.const 7))
  (func (export "call-between") (param i32) (result i32)
    local.get 0
    local.get 0
    call $seven
    local.set 0
    i32.add
    local.get 0
    i32.mul)
  (func (export "tee-twice") (param i32) (result i32)
    (i32.add
      (local.tee 0 (i32.const 3))
      (i32.mul (local.tee 0 (i32.const 5)) (local.get 0))))
  ;; Conditional branches carry values that are still aliases.
  (func (export "branch-carries") (param i32 i32) (result i32)
    (block (result i32)
      local.get 0
      local.get 1
      br_if 0
      (local.set 0 (i32.const 1000))
      local.get 0
      i32.add))
  (func (export "select-aliases") (param i32 i32 i32) (result i32)
    local.get 0
    local.get 1
    local.get 2
    (local.set 0 (i32.const -1))
    (local.set 1 (i32.const -2))
    (local.set 2 (i32.const -3))
    select)
)

(assert_return (invoke "set-between" (i32.const 1)) (i32.const -99))
(assert_return (invoke "tee-between" (i32.const 3)) (i32.const 16))
(assert_return (invoke "swap" (i32.const 1) (i32.const 2)) (i32.const 2) (i32.const 1))
(assert_return (invoke "rotate" (i32.const 1) (i64.const 2) (i32.const 3)) (i32.const 3) (i64.const 2) (i32.const 1))
(assert_return (invoke "across-if" (i32.const 10) (i32.const 0)) (i32.const 0))
(assert_return (invoke "across-if" (i32.const 10) (i32.const 1)) (i32.const 3))
(assert_return (invoke "across-loop" (i32.const 5)) (i32.const 15))
(assert_return (invoke "call-between" (i32.const 4)) (i32.const 56))
(assert_return (invoke "tee-twice" (i32.const 9)) (i32.const 28))
(assert_return (invoke "branch-carries" (i32.const 4) (i32.const 1)) (i32.const 4))
(assert_return (invoke "branch-carries" (i32.const 4) (i32.const 0)) (i32.const 1004))
(assert_return (invoke "select-aliases" (i32.const 4) (i32.const 5) (i32.const 1)) (i32.const 4))
(assert_return (invoke "select-aliases" (i32.const 4) (i32.const 5) (i32.const 0)) (i32.const 5))
