;;! stubs = traps
(component
  (import "example:app/log@1.0.0" (instance $log (export "flush" (func (param "wait" bool)))))
  (core func $flush (canon lower (func $log "flush")))
  (core module $app
    (import "" "flush" (func $flush (param i32)))
    (func (export "run") (call $flush (i32.const 1))))
  (core instance $i (instantiate $app (with "" (instance (export "flush" (func $flush))))))
  (func (export "run") (canon lift (core func $i "run"))))
