// SPDX-License-Identifier: Apache-2.0

/// The method and path of every operation of a REST service, those that Martlet does not implement included.
struct RESTRoutes: Sendable {
    enum Target: Sendable {
        case operation(Operation)
        case unimplemented(String)
    }

    /// A class, so that walking along a list of them copies no templates.
    private final class Route: Sendable {
        let template: PathTemplate
        let target: Target

        init(_ template: PathTemplate, _ target: Target) {
            self.template = template
            self.target = target
        }
    }

    /// By method and first segment where that is a literal; nil for templates that begin with a label. Each in the order of
    /// specificity, so the first that fits is the one.
    private var routes: [Key: [Route]] = [:]

    private struct Key: Hashable, Sendable {
        var method: String
        var first: String?
    }

    init() {}

    init(_ model: ServiceModel, _ operations: [Operation]) {
        for operation in operations { add(operation.method, operation.binding.template, .operation(operation)) }
        for missing in model.unimplemented {
            add(missing.method, PathTemplate(missing.path), .unimplemented(missing.name))
        }
        for key in routes.keys { routes[key]?.sort { PathTemplate.isMoreSpecific($0.template, $1.template) } }
    }

    private mutating func add(_ method: String, _ template: PathTemplate, _ target: Target) {
        var first: String?
        if case .literal(let text) = template.segments.first { first = text }
        routes[Key(method: method, first: first), default: []].append(Route(template, target))
    }

    func match(method: String, path: String, query: String) -> Target? {
        let parts = PathTemplate.split(path)
        let first = parts.first.map { PathTemplate.decode($0) }
        return match(Key(method: method, first: first), parts, query)
            ?? match(Key(method: method, first: nil), parts, query)
    }

    private func match(_ key: Key, _ parts: [Substring], _ query: String) -> Target? {
        guard let candidates = routes[key] else { return nil }
        lazy var items = FormItems(query.utf8)
        for route in candidates where route.template.match(parts) != nil {
            if route.template.fixedQuery.isEmpty || route.template.fits(query: items) { return route.target }
        }
        return nil
    }
}
