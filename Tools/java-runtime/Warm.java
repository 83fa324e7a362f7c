// SPDX-License-Identifier: Apache-2.0
import java.util.Map;

/** What the bootstrap loads, as it will load a function's class, before it knows which function it will run. */
public class Warm {
    public Map<String, Object> handle(Map<String, Object> event) {
        return event;
    }
}
