package dev.sockwright.junit;

import dev.sockwright.v1.Clock;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** What the {@link dev.sockwright.Lab} of a test is made from. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.METHOD, ElementType.TYPE, ElementType.PARAMETER})
public @interface LabOf {
    /**
     * The names of its stacks; their addresses are 10.0.0.1 and up.
     *
     * @return one or more
     */
    String[] stacks() default {"a", "b"};

    /**
     * Whose time it has.
     *
     * @return virtual unless said otherwise
     */
    Clock clock() default Clock.CLOCK_VIRTUAL;

    /**
     * What decides everything that is random.
     *
     * @return the seed
     */
    long seed() default 1;

    /**
     * The chance that a frame is lost.
     *
     * @return 0 to 1
     */
    double loss() default 0;

    /**
     * How long a frame is on its way.
     *
     * @return in milliseconds
     */
    long delayMillis() default 0;
}
