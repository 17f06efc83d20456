;; The component that is instantiated: one memory of one page.
(component
  (core module $module
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 4096))
    (func (export "take") (param i32 i32) (result i32)
      (local.get 1)))
  (core instance $instance (instantiate $module))
  (func (export "take") (param "s" string) (result u32)
    (canon lift (core func $instance "take")
      (memory (core memory $instance "memory")) (realloc (core func $instance "realloc")))))
