;; Loops whose bodies branch to their ends: the branch acts as the end of the
;; loop does, in all the ways in which a loop can end.

(module
  ;; A counter of 32 bits, and a copy, behind a `br_table`.
  (func (export "states") (param $n i32) (result i32 i32)
    (local $state i32) (local $next i32) (local $steps i32)
    (block $done
      (loop $again
        (local.set $next (i32.add (local.get $state) (i32.const 1)))
        (block $end
          (block $two (block $one (block $zero
            (br_table $zero $one $two $done (local.get $state)))
            (br_if $done (i32.ge_u (local.get $steps) (local.get $n)))
            (br $end))
            (br $end))
          (local.set $next (i32.const 0))
          (br $end))
        (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
        (local.set $state (local.get $next))
        (br $again)))
    (local.get $state) (local.get $steps))

  ;; The copy is of the counter, which must be counted first.
  (func (export "counter_copied") (param $n i32) (result i64)
    (local $count i64) (local $copy i64)
    (block $done
      (loop $again
        (block $end
          (br_if $done (i64.ge_u (local.get $count) (i64.extend_i32_u (local.get $n))))
          (if (i32.and (local.get $n) (i32.const 1)) (then (br $end)))
          (local.set $copy (i64.const 77)))
        (local.set $count (i64.add (local.get $count) (i64.const 1)))
        (local.set $copy (local.get $count))
        (br $again)))
    (local.get $copy))

  ;; The copy overwrites the counter.
  (func (export "counter_overwritten") (param $n i32) (result i32)
    (local $count i32) (local $other i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (block $end
          (local.set $other (i32.add (local.get $other) (i32.const 5)))
          (if (i32.and (local.get $n) (i32.const 1)) (then (br $end)))
          (local.set $other (i32.add (local.get $other) (i32.const 10))))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (local.set $count (local.get $other))
        (br $again)))
    (local.get $count))

  ;; A step that no single word holds.
  (func (export "wide_step") (param $n i32) (result i64 i64)
    (local $sum i64) (local $a i64) (local $b i64)
    (local.set $b (i64.const 9))
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (block $end
          (if (i32.and (local.get $n) (i32.const 1)) (then (br $end)))
          (local.set $b (i64.add (local.get $b) (i64.const 1))))
        (local.set $sum (i64.add (local.get $sum) (i64.const 0x1_0000_0001)))
        (local.set $a (local.get $b))
        (br $again)))
    (local.get $sum) (local.get $a))

  ;; A negative step, which is extended by its sign.
  (func (export "negative_step") (param $n i32) (result i64)
    (local $sum i64) (local $a i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (block $end
          (if (i32.and (local.get $n) (i32.const 1)) (then (br $end)))
          (local.set $a (i32.const 3)))
        (local.set $sum (i64.add (local.get $sum) (i64.const -2)))
        (local.set $a (local.get $n))
        (br $again)))
    (local.get $sum))

  ;; Branches to branches to branches, forward and then back.
  (func (export "chain") (param $n i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (block $c
          (block $b
            (block $a
              (br_table $a $b $c $again (i32.rem_u (local.get $n) (i32.const 4))))
            (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
            (br $b))
          (br $c))
        (br $again)))
    (local.get $sum))
)

(assert_return (invoke "states" (i32.const 10)) (i32.const 0) (i32.const 12))
(assert_return (invoke "states" (i32.const 0)) (i32.const 0) (i32.const 0))
(assert_return (invoke "counter_copied" (i32.const 1001)) (i64.const 1001))
(assert_return (invoke "counter_copied" (i32.const 1000)) (i64.const 1000))
(assert_return (invoke "counter_copied" (i32.const 0)) (i64.const 0))
(assert_return (invoke "counter_overwritten" (i32.const 10)) (i32.const 100))
(assert_return (invoke "wide_step" (i32.const 3)) (i64.const 0x3_0000_0003) (i64.const 11))
(assert_return (invoke "negative_step" (i32.const 100000)) (i64.const -200000))
(assert_return (invoke "chain" (i32.const 4000)) (i32.const 1000))
