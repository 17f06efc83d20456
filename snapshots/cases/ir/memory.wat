;; Offsets stay in the operation; each memory has its own number.
(module
  (memory $a 1)
  (memory $b 1)
  (func (export "f") (param i32) (result i64)
    (i32.store8 $b offset=8 (local.get 0) (i32.load16_s $a offset=4 (local.get 0)))
    (memory.copy $a $b (i32.const 0) (local.get 0) (i32.const 16))
    (drop (memory.grow $b (i32.const 1)))
    (i64.load32_u (i32.const 16))))
