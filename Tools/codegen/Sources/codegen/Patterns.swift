// SPDX-License-Identifier: Apache-2.0

/// The regular expressions of a service, each once, named after the first shape that has it.
struct PatternTable {
    /// Name by text.
    private let names: [String: String]

    init(_ shapes: some Sequence<ModelShape>) {
        var names: [String: String] = [:]
        var used: Set<String> = []
        for shape in shapes.sorted(by: { $0.name < $1.name }) {
            guard let text = shape.json["pattern"]?.string, names[text] == nil else { continue }
            let base = Names.member(shape.name)
            var name = base
            var number = 2
            while !used.insert(name).inserted {
                name = "\(base)\(number)"
                number += 1
            }
            names[text] = name
        }
        self.names = names
    }

    func expression(_ text: String) -> String? { names[text].map { "Patterns.\($0)" } }

    /// Those of the texts that occur in the generated code.
    func declaration(using texts: Set<String>) -> String {
        let lines = names.filter { texts.contains($0.key) }.sorted { $0.value < $1.value }
            .map { "    static let \($0.value) = Pattern(\(literal($0.key)))" }
        return (["enum Patterns {"] + lines + ["}"]).joined(separator: "\n") + "\n"
    }
}
