;;! answer = example:app/clock#now string
;; The host answers text where the component was promised a number.
(component
  (import "example:app/clock" (instance $clock (export "now" (func (result u64)))))
  (core func $now (canon lower (func $clock "now")))
  (core module $app
    (import "" "now" (func $now (result i64)))
    (func (export "run") (drop (call $now))))
  (core instance $i (instantiate $app (with "" (instance (export "now" (func $now))))))
  (func (export "run") (canon lift (core func $i "run"))))
