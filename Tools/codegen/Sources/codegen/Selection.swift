// SPDX-License-Identifier: Apache-2.0

/// The part of a model that a service's operations reach, and the Swift names in it.
struct Selection {
    let file: ServiceFile
    let model: Model
    let operations: [ModelOperation]
    let unimplemented: [ModelOperation]
    /// Sorted by name.
    let errors: [ModelShape]
    /// Structures and enumerations that no operation names directly, and those that several operations share.
    let structures: [ModelShape]
    let enumerations: [ModelShape]
    /// Shapes that serve one operation only, by operation; they carry the operation's name.
    let own: [String: String]
    private let names: [String: String]
    /// Structures that contain themselves without a list or a map between.
    let recursive: Set<String>

    init(_ file: ServiceFile, _ model: Model) throws {
        self.file = file
        self.model = model
        let listed = Set(file.operations)
        for name in listed where !model.operations.contains(where: { $0.name == name }) {
            throw Failure("\(file.folder)/service.json lists \(name), which the model does not have")
        }
        operations = model.operations.filter { listed.contains($0.name) }
        unimplemented = model.operations.filter { !listed.contains($0.name) }
        let errorNames = Set(operations.flatMap(\.errors) + file.errors)
        errors = try errorNames.sorted().map(model.shape)
        own = Self.ownShapes(of: model)
        names = try Self.names(in: model, own: own, service: file.folder)
        let reached = try Self.reached(
            from: operations.flatMap { [$0.input, $0.output].compactMap(\.self) } + errorNames,
            in: model
        )
        let own = own
        structures = reached.filter { $0.isStructure && own[$0.name] == nil && !errorNames.contains($0.name) }
        enumerations = reached.filter(\.isEnumeration)
        recursive = Self.recursive(reached, in: model)
    }

    /// Counted over the whole model, so that listing another operation renames nothing.
    private static func ownShapes(of model: Model) -> [String: String] {
        var uses: [String: Int] = [:]
        for shape in model.shapes.values { for name in shape.mentioned { uses[name, default: 0] += 1 } }
        for name in model.operations.flatMap({ [$0.input, $0.output].compactMap(\.self) }) {
            uses[name, default: 0] += 1
        }
        var own: [String: String] = [:]
        for operation in model.operations {
            if let input = operation.input, uses[input] == 1 { own[input] = operation.name + "Input" }
            if let output = operation.output, uses[output] == 1 { own[output] = operation.name + "Output" }
        }
        return own
    }

    private static func reached(from roots: [String], in model: Model) throws -> [ModelShape] {
        var found: [String: ModelShape] = [:]
        var open = roots
        while let name = open.popLast() {
            guard found[name] == nil else { continue }
            let shape = try model.shape(name)
            found[name] = shape
            open += shape.mentioned
        }
        return found.values.sorted { $0.name < $1.name }
    }

    private static func recursive(_ shapes: [ModelShape], in model: Model) -> Set<String> {
        func inside(_ name: String) -> [String] { model.shapes[name]?.members.map(\.shape) ?? [] }
        let found = shapes.filter(\.isStructure).map(\.name).filter { start in
            var open = inside(start)
            var seen: Set<String> = []
            while let name = open.popLast() {
                if seen.insert(name).inserted { open += inside(name) }
            }
            return seen.contains(start)
        }
        return Set(found)
    }

    func typeName(_ shape: String) -> String { names[shape] ?? shape }

    func inputName(_ operation: ModelOperation) -> String { operation.name + "Input" }
    func outputName(_ operation: ModelOperation) -> String { operation.name + "Output" }

    /// Each shape's Swift name: an operation's own shapes first, then the others in order; who comes late carries the service.
    private static func names(in model: Model, own: [String: String], service: String) throws -> [String: String] {
        var names = own
        var used = Set(model.operations.flatMap { [$0.name + "Input", $0.name + "Output"] })
        // A shape that several operations share may bear the very name that one of them asks for.
        for operation in model.operations {
            for (shape, name) in [(operation.input, "Input"), (operation.output, "Output")]
            where shape == operation.name + name {
                if let shape, own[shape] == nil { names[shape] = shape }
            }
        }
        for shape in model.shapes.keys.sorted() where names[shape] == nil {
            let name = Names.type(shape, service: service)
            let free = [name, service + name, service + name + "Shape"].first { !used.contains($0) }
            guard let free, used.insert(free).inserted else {
                throw Failure("\(service): no free name for the shape \(shape)")
            }
            names[shape] = free
        }
        return names
    }
}
