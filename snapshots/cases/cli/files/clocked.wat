(component
  (import "example:time/clock@0.2.0" (instance $clock (export "now" (func (result u32)))))
  (core func $now (canon lower (func $clock "now")))
  (core module $m
    (import "" "now" (func $now (result i32)))
    (func (export "later") (param i32) (result i32) (i32.add (call $now) (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance (export "now" (func $now))))))
  (func (export "later") (param "by" u32) (result u32) (canon lift (core func $i "later"))))
