(component
  (core module $m (func (export "now") (result i32) (i32.const 1000)))
  (core instance $i (instantiate $m))
  (func $now (result u32) (canon lift (core func $i "now")))
  (instance $clock (export "now" (func $now)))
  (export "example:time/clock@0.2.4" (instance $clock)))
