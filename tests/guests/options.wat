;; The guest of `suites/options/main.rs`: each export calls the import of its name.
(component
  (import "test:options/net" (instance $net
    (type $point' (record (field "x" u32) (field "y" u32)))
    (export "point" (type $point (eq $point')))
    (export "check" (func (param "n" u32) (result (result u32 (error u32)))))
    (export "tick" (func))
    (export "turn" (func (param "p" $point) (result $point)))
    (export "count" (func (param "n" u32) (result u32)))))
  (alias export $net "point" (type $point))

  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (core func $check (canon lower (func $net "check") (memory (core memory $memory "memory"))))
  (core func $tick (canon lower (func $net "tick")))
  (core func $turn (canon lower (func $net "turn") (memory (core memory $memory "memory"))))
  (core func $count (canon lower (func $net "count")))

  (core module $Main
    (import "net" "check" (func $check (param i32 i32)))
    (import "net" "tick" (func $tick))
    (import "net" "turn" (func $turn (param i32 i32 i32)))
    (import "net" "count" (func $count (param i32) (result i32)))
    ;; Results of two words stand in the memory.
    (func (export "check") (param $n i32) (result i32)
      (call $check (local.get $n) (i32.const 16))
      (i32.const 16))
    (func (export "tick") (call $tick))
    (func (export "turn") (param $x i32) (param $y i32) (result i32)
      (call $turn (local.get $x) (local.get $y) (i32.const 32))
      (i32.const 32))
    (func (export "count") (param $n i32) (result i32)
      (call $count (local.get $n))))
  (core instance $main (instantiate $Main
    (with "net" (instance
      (export "check" (func $check))
      (export "tick" (func $tick))
      (export "turn" (func $turn))
      (export "count" (func $count))))))

  (func (export "check") (param "n" u32) (result (result u32 (error u32)))
    (canon lift (core func $main "check") (memory (core memory $memory "memory"))))
  (func (export "tick") (canon lift (core func $main "tick")))
  (func (export "turn") (param "p" $point) (result $point)
    (canon lift (core func $main "turn") (memory (core memory $memory "memory"))))
  (func (export "count") (param "n" u32) (result u32)
    (canon lift (core func $main "count"))))
