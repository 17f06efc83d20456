;; Arrays that no heap can hold are a trap, told before memory is touched, and
;; the instance goes on.

(module
  (type $bytes (array (mut i8)))
  (type $shorts (array (mut i16)))
  (type $words (array (mut i32)))
  (type $longs (array (mut i64)))
  (type $doubles (array (mut f64)))
  (type $refs (array (mut anyref)))
  (type $funcs (array (mut funcref)))
  (elem $e funcref (ref.null func))
  (data $d "abcd")
  (func (export "bytes") (param i32) (result i32)
    (array.len (array.new_default $bytes (local.get 0))))
  (func (export "bytes-of") (param i32) (result i32)
    (array.len (array.new $bytes (i32.const 7) (local.get 0))))
  (func (export "shorts") (param i32) (result i32)
    (array.len (array.new_default $shorts (local.get 0))))
  (func (export "words") (param i32) (result i32)
    (array.len (array.new_default $words (local.get 0))))
  (func (export "longs") (param i32) (result i32)
    (array.len (array.new $longs (i64.const -1) (local.get 0))))
  (func (export "doubles") (param i32) (result i32)
    (array.len (array.new_default $doubles (local.get 0))))
  (func (export "refs") (param i32) (result i32)
    (array.len (array.new $refs (ref.i31 (i32.const 5)) (local.get 0))))
  (func (export "funcs") (param i32) (result i32)
    (array.len (array.new_default $funcs (local.get 0))))
  (func (export "data") (param i32 i32) (result i32)
    (array.len (array.new_data $longs $d (local.get 0) (local.get 1))))
  (func (export "elem") (param i32 i32) (result i32)
    (array.len (array.new_elem $funcs $e (local.get 0) (local.get 1)))))

(assert_trap (invoke "bytes" (i32.const -1)) "allocation size too large")
(assert_trap (invoke "bytes-of" (i32.const -1)) "allocation size too large")
(assert_trap (invoke "bytes" (i32.const 0xfffffff8)) "allocation size too large")
(assert_trap (invoke "shorts" (i32.const -1)) "allocation size too large")
;; The byte counts of these wrap to small numbers in 32 bits.
(assert_trap (invoke "shorts" (i32.const 0x80000001)) "allocation size too large")
(assert_trap (invoke "words" (i32.const -1)) "allocation size too large")
(assert_trap (invoke "words" (i32.const 0x40000001)) "allocation size too large")
(assert_trap (invoke "longs" (i32.const -1)) "allocation size too large")
(assert_trap (invoke "longs" (i32.const 0x20000001)) "allocation size too large")
(assert_trap (invoke "doubles" (i32.const 0x20000000)) "allocation size too large")
(assert_trap (invoke "refs" (i32.const -1)) "allocation size too large")
(assert_trap (invoke "funcs" (i32.const -1)) "allocation size too large")
;; The segment ends before the heap does.
(assert_trap (invoke "data" (i32.const 0) (i32.const 0x20000001)) "out of bounds memory access")
(assert_trap (invoke "data" (i32.const -1) (i32.const -1)) "out of bounds memory access")
(assert_trap (invoke "elem" (i32.const 0) (i32.const -1)) "out of bounds table access")
(assert_trap (invoke "elem" (i32.const -1) (i32.const 2)) "out of bounds table access")

(assert_return (invoke "bytes" (i32.const 100000)) (i32.const 100000))
(assert_return (invoke "longs" (i32.const 1000)) (i32.const 1000))
(assert_return (invoke "refs" (i32.const 0)) (i32.const 0))

;; What is dropped is taken again: sixteen times a megabyte in one call.
(module
  (type $bytes (array (mut i8)))
  (func (export "churn") (param $times i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (array.get_u $bytes
            (array.new $bytes (i32.const 3) (i32.const 0x100000))
            (i32.const 0xfffff))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
(assert_return (invoke "churn" (i32.const 16)) (i32.const 48))
