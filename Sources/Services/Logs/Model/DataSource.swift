// SPDX-License-Identifier: Apache-2.0

/// What the logs of a group are about: the name and type that its tags give it.
struct DataSource: Sendable, Hashable, Comparable {
    static let nameTag = "cw:datasource:name"
    static let typeTag = "cw:datasource:type"

    let name: String
    let type: String

    init(name: String, type: String) {
        self.name = name
        self.type = type
    }

    /// Nil where one of the tags is missing, and for names that AWS keeps for its own services.
    init?(tags: [String: String]) {
        guard let name = tags[Self.nameTag], let type = tags[Self.typeTag], !name.isEmpty, !type.isEmpty,
            !["aws", "amazon"].contains(where: { name.lowercased().hasPrefix($0) })
        else { return nil }
        self.init(name: name, type: type)
    }

    static func < (left: DataSource, right: DataSource) -> Bool {
        (left.name, left.type) < (right.name, right.type)
    }

    /// Whether one of the filters asks for it.
    func isNamed(by filters: [DataSourceFilter]) -> Bool {
        filters.contains { $0.name == name && ($0.type.map { $0 == type } ?? true) }
    }
}
