;; Running out of stack is a trap wherever it happens, and leaves the instance
;; fit for the next call.

(module $deep
  (table (export "table") 2 funcref)
  (elem (i32.const 0) $indirect)
  (type $void (func))
  (global $depth (mut i32) (i32.const 0))
  (func $direct (export "direct") (call $direct))
  (func $indirect (export "indirect") (call_indirect (type $void) (i32.const 0)))
  (func $count (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 0))
      (else (i32.add (i32.const 1) (call $count (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "count") (param i32) (result i32) (call $count (local.get 0)))
  ;; A frame with many locals and many operands that are alive.
  (func $wide (param i64) (result i64)
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (i64.add (i64.const 1) (i64.add (i64.const 2) (i64.add (i64.const 3) (call $wide (local.get 16))))))
  (func (export "wide") (result i64) (call $wide (i64.const 0)))
  (func (export "infinite-results") (result i32 i32 i32 i32) (call $results))
  (func $results (result i32 i32 i32 i32) (call $results)))

(assert_exhaustion (invoke "direct") "call stack exhausted")
(assert_exhaustion (invoke "indirect") "call stack exhausted")
(assert_exhaustion (invoke "wide") "call stack exhausted")
(assert_exhaustion (invoke "infinite-results") "call stack exhausted")
(assert_exhaustion (invoke "count" (i32.const 100000000)) "call stack exhausted")
(assert_return (invoke "count" (i32.const 1000)) (i32.const 1000))

;; Two instances call each other without end.
(register "deep" $deep)
(module
  (import "deep" "table" (table 2 funcref))
  (import "deep" "indirect" (func $indirect))
  (type $void (func))
  (elem (i32.const 0) $across)
  (func $across (export "across") (call $indirect)))
(assert_exhaustion (invoke "across") "call stack exhausted")
(assert_return (invoke $deep "count" (i32.const 1000)) (i32.const 1000))

;; While an instance starts.
(assert_trap (module (func $f (call $f)) (start $f)) "call stack exhausted")
