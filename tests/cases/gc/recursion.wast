;; Deep recursion with references in every frame, and deep structures that are
;; built, walked and dropped without native recursion.

(module
  (type $list (struct (field $value i32) (field $next (mut (ref null $list)))))

  ;; Each frame keeps a fresh object and looks at it after the call.
  (func $down (export "down") (param $n i32) (param $above (ref null $list)) (result i32)
    (local $here (ref null $list))
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (local.set $here (struct.new $list (local.get $n) (local.get $above)))
    (i32.add
      (i32.eq (struct.get $list $value (local.get $here)) (local.get $n))
      (call $down (i32.sub (local.get $n) (i32.const 1)) (local.get $here))))
  (func (export "start-down") (param i32) (result i32)
    (call $down (local.get 0) (ref.null $list)))

  ;; The operands of the outer calls are references, alive while the inner run.
  (func $sum (param $n i32) (param $a (ref $list)) (param $b (ref $list)) (result i32)
    (if (result i32) (i32.eqz (local.get $n))
      (then (i32.add (struct.get $list $value (local.get $a)) (struct.get $list $value (local.get $b))))
      (else
        (call $sum
          (i32.sub (local.get $n) (i32.const 1))
          (struct.new $list (i32.add (struct.get $list $value (local.get $a)) (i32.const 1)) (local.get $b))
          (struct.new $list (i32.const 1) (local.get $a))))))
  (func (export "sum") (param i32) (result i32)
    (call $sum (local.get 0) (struct.new_default $list) (struct.new_default $list)))

  ;; Wide frames: fewer of them fit, and each collection walks over all.
  (func $infinite (param (ref null $list)) (result (ref $list))
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
    (call $infinite (struct.new $list (i32.const 1) (local.get 0))))
  (func (export "infinite") (drop (call $infinite (ref.null none))))

  ;; A list is walked and found whole: the collector must not recurse over it.
  (func $build (param $n i32) (result (ref null $list)) (local $list (ref null $list))
    (loop $again
      (local.set $list (struct.new $list (local.get $n) (local.get $list)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $list))
  (func $length (param $list (ref null $list)) (result i32) (local $n i32)
    (block $end
      (loop $again
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (local.set $list (struct.get $list $next (local.get $list)))
        (br $again)))
    (local.get $n))
  (func (export "length") (param i32) (result i32)
    (call $length (call $build (local.get 0))))
  ;; A ring is its own reason to live only as long as somebody holds it.
  (func (export "ring") (param $n i32) (result i32) (local $head (ref null $list)) (local $last (ref null $list))
    (local.set $head (call $build (local.get $n)))
    (local.set $last (local.get $head))
    (block $found
      (loop $again
        (br_if $found (ref.is_null (struct.get $list $next (local.get $last))))
        (local.set $last (struct.get $list $next (local.get $last)))
        (br $again)))
    (struct.set $list $next (local.get $last) (local.get $head))
    (drop (call $build (local.get $n)))
    (struct.get $list $value
      (struct.get $list $next (local.get $last)))))

(assert_return (invoke "start-down" (i32.const 200)) (i32.const 200))
(assert_return (invoke "sum" (i32.const 0)) (i32.const 0))
(assert_return (invoke "sum" (i32.const 200)) (i32.const 201))
(assert_exhaustion (invoke "infinite") "call stack exhausted")
(assert_return (invoke "length" (i32.const 1)) (i32.const 1))
(assert_return (invoke "length" (i32.const 1000)) (i32.const 1000))
(assert_return (invoke "ring" (i32.const 200)) (i32.const 1))
(assert_return (invoke "start-down" (i32.const 200)) (i32.const 200))
