/// A value that `config.json` writes as one of a fixed set of names.
protocol Named: CaseIterable {
    /// The name in `config.json`.
    var name: String { get }
}

extension Named {
    /// The value with a name, or `nil`. Looks at one after the other: a string switch would build a table first, which
    /// takes longer than all look-ups of a start together.
    init?(named name: String) {
        // Most differ in length already, which takes less to see than that they differ.
        let size = name.utf8.count
        let found = Self.allCases.first { value in
            let candidate = value.name
            return candidate.utf8.count == size && candidate == name
        }
        guard let found else { return nil }
        self = found
    }
}

extension Named where Self: RawRepresentable, RawValue == String {
    var name: String { rawValue }
}

extension Capability: Named {}
extension DeviceKind: Named {}
extension IOPriorityClass: Named {}
extension MemoryPolicyFlag: Named {}
extension MemoryPolicyMode: Named {}
extension MountOption: Named {}
extension NamespaceKind: Named {}
extension Personality: Named {}
extension Resources.DeviceRuleKind: Named {}
extension RlimitKind: Named {}
extension SchedulerFlag: Named {}
extension SchedulerPolicy: Named {}
extension SeccompAction: Named {}
extension SeccompArchitecture: Named {}
extension SeccompFlag: Named {}
extension SeccompOperator: Named {}
