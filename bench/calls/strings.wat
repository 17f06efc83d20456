;; Strings in and out. The guest does the least it may: `realloc` answers one fixed
;; place, so what is measured is the host's side and the calls themselves.
(component
  (core module $module
    (memory (export "memory") 1)
    (data (i32.const 64) "a linkspan is raised and lowered")
    (data (i32.const 16) "\40\00\00\00\20\00\00\00")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 4096))
    (func (export "take") (param i32 i32) (result i32)
      (local.get 1))
    (func (export "give") (result i32)
      (i32.const 16))
    (func (export "release") (param i32)))
  (core instance $instance (instantiate $module))
  (func (export "take") (param "s" string) (result u32)
    (canon lift (core func $instance "take")
      (memory (core memory $instance "memory")) (realloc (core func $instance "realloc"))))
  (func (export "give") (result string)
    (canon lift (core func $instance "give")
      (memory (core memory $instance "memory")) (post-return (core func $instance "release")))))
