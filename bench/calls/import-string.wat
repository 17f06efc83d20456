;; A loop of calls that pass the host a string of 32 bytes.
(component
  (import "measure" (func $measure (param "s" string) (result u32)))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 64) "a linkspan is raised and lowered"))
  (core instance $m (instantiate $memory))
  (core func $lowered (canon lower (func $measure) (memory (core memory $m "memory"))))
  (core module $module
    (import "host" "measure" (func $measure (param i32 i32) (result i32)))
    (func (export "run") (param $n i32) (result i64)
      (local $i i32) (local $sum i64)
      (if (local.get $n) (then
        (loop $again
          (local.set $sum (i64.add (local.get $sum)
            (i64.extend_i32_u (call $measure (i32.const 64) (i32.const 32)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))
      (local.get $sum)))
  (core instance $instance (instantiate $module
    (with "host" (instance (export "measure" (func $lowered))))))
  (func (export "run") (param "n" u32) (result u64)
    (canon lift (core func $instance "run"))))
