;; A function of the host, with a string: memory and realloc come from the
;; instance that is made first.
(component
  (import "example:app/log@1.0.0" (instance $log
    (export "write" (func (param "line" string)))))
  (core module $libc
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $libc (instantiate $libc))
  (core func $write (canon lower (func $log "write")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $main
    (import "log" "write" (func $write (param i32 i32)))
    (func (export "run") (call $write (i32.const 0) (i32.const 0))))
  (core instance $main (instantiate $main
    (with "log" (instance (export "write" (func $write))))))
  (func (export "run") (canon lift (core func $main "run"))))
