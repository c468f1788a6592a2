import { mount } from "svelte";
import "../app.css";
import Alone from "./Alone.svelte";

const target = document.getElementById("app");
if (target === null) throw new Error("the page has no place for its content");
mount(Alone, { target });
