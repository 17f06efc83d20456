;;! call = run()
;;! call = run()
;; After a trap nobody may enter the instance again.
(component
  (core module $app
    (func $half (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func (export "run") (drop (call $half (i32.const 0)))))
  (core instance $i (instantiate $app))
  (func (export "run") (canon lift (core func $i "run"))))
