;;! module = plugin (module $filter (import "env" "print" (func (param i64))) (memory (export "memory") 1) (func (export "apply") (param i32 i32)))
(component
  (import "plugin" (core module
    (import "env" "log" (func (param i32 i32)))
    (export "memory" (memory 1 16))
    (export "alloc" (func (param i32) (result i32)))
    (export "apply" (func (param i32 i32) (result i32))))))
