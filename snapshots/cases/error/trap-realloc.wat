;;! give = run string
;; The guest's allocator answers an address outside its memory.
(component
  (core module $app
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65534))
    (func (export "run") (param i32 i32)))
  (core instance $i (instantiate $app))
  (func (export "run") (param "line" string)
    (canon lift (core func $i "run") (memory (core memory $i "memory"))
      (realloc (core func $i "realloc")))))
