;; A pending read of a local is stored before the local changes.
(module
  (func (export "f") (param i32 i32) (result i32 i32)
    local.get 0
    local.get 1
    local.set 0
    local.set 1
    local.get 0
    local.get 1))
