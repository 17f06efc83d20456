;; Which slots hold references at a call: parameters and locals of reference
;; type, operands below the window, but no number, nothing unwritten, and no
;; function, which is never collected.
(module
  (func $use (param externref) (result externref) (local.get 0))
  (func (export "f") (param i32 externref funcref) (result externref)
    (local externref i64)
    (local.set 3 (call $use (local.get 1)))
    (call $use (local.get 3))
    (drop (call $use (ref.null extern)))
    (drop (call $use (local.get 1)))))
