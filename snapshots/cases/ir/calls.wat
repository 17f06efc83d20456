;; Arguments are made where the callee finds them; calls by table, to another
;; memory's neighbour, and in tail position.
(module
  (type $op (func (param i32 i32) (result i32)))
  (import "host" "log" (func $log (param i64)))
  (table funcref (elem $add))
  (func $add (type $op) (i32.add (local.get 0) (local.get 1)))
  (func (export "indirect") (param i32) (result i32)
    (call $log (i64.const 1))
    (i32.mul
      (call $add (local.get 0) (i32.const 2))
      (call_indirect (type $op) (local.get 0) (i32.const 3) (i32.const 0))))
  (func (export "tail") (param i32) (result i32)
    (return_call $add (i32.const 1) (local.get 0))))
