;;! define = example:app/log#write
;;! give = run string
;; While memory is allocated for the arguments of a call, a guest may call nobody.
(component
  (import "example:app/log" (instance $log (export "write" (func))))
  (core func $write (canon lower (func $log "write")))
  (core module $app
    (import "" "write" (func $write))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $write) (i32.const 8))
    (func (export "run") (param i32 i32)))
  (core instance $i (instantiate $app (with "" (instance (export "write" (func $write))))))
  (func (export "run") (param "line" string)
    (canon lift (core func $i "run") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
