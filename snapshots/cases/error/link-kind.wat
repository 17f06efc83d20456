;;! define = store
;;! define = now#get
(component
  (import "store" (instance (export "get" (func (result u32)))))
  (import "now" (func (result u64))))
