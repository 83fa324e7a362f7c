// SPDX-License-Identifier: Apache-2.0

/// What is known of a request: condition keys with their values. Keys are not distinguished by case.
struct ConditionKeys: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    private var values: [String: [String]] = [:]

    init(dictionaryLiteral elements: (String, [String])...) {
        for (key, value) in elements { self[key] = value }
    }

    subscript(key: String) -> [String]? {
        get { values[key.lowercased()] }
        set { values[key.lowercased()] = newValue }
    }

    /// For keys that are in lower case already.
    func all(_ lowercaseKey: String) -> [String]? { values[lowercaseKey] }

    /// The value, when there is exactly one.
    func single(_ lowercaseKey: String) -> String? {
        guard let all = values[lowercaseKey], all.count == 1 else { return nil }
        return all[0]
    }

    mutating func merge(_ others: [String: [String]]) {
        for (key, value) in others { self[key] = value }
    }
}
