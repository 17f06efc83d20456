(component
  (import "example:app/log@1.0.0" (instance (export "write" (func (param "line" string)))))
  (import "now" (func (result u64)))
  (import "wasi:cli/environment@0.2.0" (instance (export "get-arguments" (func (result (list string)))))))
